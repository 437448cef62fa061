from pathlib import Path

import pytest

from preprocess.errors import OutputError
from preprocess.ledger import LEDGER, LedgerRow, ledger_line, read_ledger, write_ledger
from preprocess.markers import Marker, box_quad

ROW = LedgerRow(
    path="a/ü\n\udcff.jpg",
    output="a/ü\n\udcff.png",
    status="cleaned",
    markers=(Marker(box_quad(1, 2, 3, 4), "R", 0.5, "lead"),),
    mask_fraction=0.01,
    width=10,
    height=20,
    sha256="0",
    output_sha256="1",
)
FAILED = LedgerRow("b.jpg", "", "failed", error="b.jpg: zero bytes long")


def test_rows_come_back(tmp_path: Path) -> None:
    write_ledger(tmp_path / LEDGER, [FAILED, ROW])
    assert read_ledger(tmp_path) == {ROW.path: ROW, FAILED.path: FAILED}
    assert read_ledger(tmp_path / LEDGER) == read_ledger(tmp_path)
    assert (tmp_path / LEDGER).read_text().splitlines() == [ledger_line(ROW).strip(), ledger_line(FAILED).strip()]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    whole = ledger_line(ROW) + ledger_line(FAILED)
    for length in range(len(ledger_line(ROW)), len(whole)):
        (tmp_path / LEDGER).write_text(whole[:length])
        assert list(read_ledger(tmp_path)) == [ROW.path]


def test_the_last_row_of_a_path_counts(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text(ledger_line(LedgerRow(ROW.path, "", "failed")) + ledger_line(ROW))
    assert read_ledger(tmp_path) == {ROW.path: ROW}


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"path": "a", "markers": [1]}', '{"markers": [], "colour": 1}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / LEDGER).write_text(ledger_line(ROW) + line + "\n")
    with pytest.raises(OutputError, match=r"line 2 is no ledger row .*restore the file, or clean into another folder"):
        read_ledger(tmp_path)


def test_a_missing_ledger_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no ledger can be read .*run clean-labels first"):
        read_ledger(tmp_path)
