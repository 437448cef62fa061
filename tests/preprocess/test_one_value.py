"""Films of one grey value are recognised, counted and named."""

from pathlib import Path

import numpy as np
import pytest

from preprocess.images import read_image, write_image
from preprocess.ledger import LedgerRow, ledger_line, read_ledger
from preprocess.one_value import has_one_value, one_value_notes


def test_an_image_has_one_value_if_no_pixel_differs_in_8_bits() -> None:
    film = np.full((8, 9), 7, np.uint8)
    assert has_one_value(film)
    assert has_one_value(np.dstack([film, film + 1, film + 2]))  # one colour
    film[3, 4] = 8
    assert not has_one_value(film)


@pytest.mark.parametrize(("step", "one_value"), [(1, True), (257, False)])
def test_16_bits_count_by_what_8_bits_show(tmp_path: Path, step: int, one_value: bool) -> None:
    film = np.full((50, 60), 30_000, np.uint16)
    film[10:40, 10:40] += step
    write_image(tmp_path / "film.png", film)
    assert has_one_value(read_image(tmp_path / "film.png")) is one_value


def test_the_files_are_counted_and_the_first_are_named() -> None:
    assert one_value_notes([]) == []
    assert one_value_notes(["a.png"])[0].startswith("WARNING: 1 file holds one grey value only")
    assert "5 files hold one grey value only, so no film is visible: a, b, c and 2 more;" in one_value_notes("abcde")[0]


def test_a_ledger_of_an_older_version_opens(tmp_path: Path) -> None:
    line = ledger_line(LedgerRow("a.png", "a.png", "copied", one_value=True)).replace(', "one_value": true', "")
    (tmp_path / "ledger.jsonl").write_text(line)
    assert not read_ledger(tmp_path)["a.png"].one_value
