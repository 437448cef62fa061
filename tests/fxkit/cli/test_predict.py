"""`fxkit predict`: the table, the JSON list, and files that cannot be read."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from fxkit.cli.evaluate import evaluate
from fxkit.cli.predict import predict
from fxkit.models.run_folder import Run
from fxkit.synth.dataset import Synthetic
from preprocess.errors import KnownError
from preprocess.images import write_image


def test_a_table_is_printed_and_unreadable_files_are_listed(
    trained: Run, run_folder: Path, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    good = trained.root / trained.records[0].path
    (tmp_path / "bad\nname.png").touch()
    result = invoke(predict, run_folder, good, tmp_path / "bad\nname.png", exit_code=1)
    heading, row = result.stdout.splitlines()
    assert heading == "decision\tp(not_fractured)\tp(fractured)\timage"
    assert row.endswith(f"\t{good}")
    note, error = result.stderr.splitlines()
    assert note == "note: positive class: fractured, from a probability of 0.5 on"
    assert "bad\\nname.png: zero bytes" in error


def test_a_folder_without_images_is_an_error(run_folder: Path, tmp_path: Path, invoke: Callable[..., Result]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(KnownError, match=r"^no image in .*empty; expected files ending in \.bmp, "):
        invoke(predict, run_folder, tmp_path / "empty")


def test_all_images_of_a_folder_are_predicted_as_json(
    run_folder: Path, made: Synthetic, invoke: Callable[..., Result]
) -> None:
    rows = json.loads(invoke(predict, run_folder, made.root / "fractured", "--json").stdout)
    assert len(rows) == len(list((made.root / "fractured").iterdir()))
    assert set(rows[0]["probabilities"]) == {"fractured", "not_fractured"}


def test_views_are_averaged_and_listed_in_a_note(trained: Run, run_folder: Path, invoke: Callable[..., Result]) -> None:
    film = trained.root / trained.records[0].path
    plain, averaged = (invoke(predict, run_folder, film, "--json", *options) for options in ((), ("--tta", "flips")))
    assert averaged.stdout != plain.stdout
    note = "note: averaged over 4 views of each film: as it is, mirrored, upside down, mirrored and upside down\n"
    assert (plain.stderr, averaged.stderr) == ("", note)
    assert invoke(evaluate, run_folder, "--tta", "flips").stderr == note
    assert len(json.loads((run_folder / "metrics.json").read_text())["views"]) == 4


def test_films_of_one_grey_value_are_told(run_folder: Path, tmp_path: Path, invoke: Callable[..., Result]) -> None:
    write_image(tmp_path / "blank.png", np.full((40, 50), 9, np.uint8))
    result = invoke(predict, run_folder, tmp_path / "blank.png", "--json")
    assert json.loads(result.stdout)[0]["one_value"] is True
    assert f"note: WARNING: 1 file holds one grey value only, so no film is visible: {tmp_path}/blank" in result.stderr
