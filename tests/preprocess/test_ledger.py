from dataclasses import replace
from pathlib import Path

import pytest

from preprocess.errors import OutputError
from preprocess.ledger import LEDGER, Ledger, LedgerRow, Rows, _parse, ledger_line, open_ledger, read_ledger
from preprocess.markers import Marker, box_quad, with_strokes

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


def test_rows_survive_writing_and_reading(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "appended")
    for row in (FAILED, ROW):
        ledger.append(row)
    assert list(ledger.write_sorted(tmp_path / LEDGER).rows()) == [ROW, FAILED]
    assert read_ledger(tmp_path) == {ROW.path: ROW, FAILED.path: FAILED}
    assert read_ledger(tmp_path / LEDGER) == read_ledger(tmp_path)
    assert (tmp_path / LEDGER).read_text().splitlines() == [ledger_line(ROW).strip(), ledger_line(FAILED).strip()]


def test_an_incomplete_last_line_is_ignored(tmp_path: Path) -> None:
    whole = ledger_line(ROW) + ledger_line(FAILED)
    for length in range(len(ledger_line(ROW)), len(whole)):
        (tmp_path / LEDGER).write_text(whole[:length])
        assert list(read_ledger(tmp_path)) == [ROW.path]


def test_the_last_row_of_a_path_counts(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text(ledger_line(LedgerRow(ROW.path, "", "failed")) + ledger_line(ROW))
    assert read_ledger(tmp_path) == {ROW.path: ROW}


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"path": "a", "markers": [1]}', '{"markers": [], "colour": 1}'])
def test_a_damaged_line_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / LEDGER).write_text(ledger_line(ROW) + line + "\n")
    with pytest.raises(OutputError, match=r"line 2 is not a ledger row .*restore the file, or clean into"):
        read_ledger(tmp_path)


def test_a_missing_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the ledger cannot be read .*run clean-labels first"):
        read_ledger(tmp_path)


def test_rows_are_read_from_the_file_on_access(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / LEDGER)
    assert list(ledger.rows()) == []
    for row in (FAILED, ROW, replace(FAILED, error="b.jpg: again")):
        ledger.append(row)
    assert open_ledger(tmp_path) == ledger
    assert ledger[FAILED.path].error == "b.jpg: again"
    assert list(ledger.subset([FAILED.path]).rows()) == [ledger["b.jpg"]]
    rows = Rows(ledger, (ROW.path, FAILED.path))
    assert (len(rows), rows[0], rows[-1], rows[1:]) == (2, ROW, ledger["b.jpg"], (ledger["b.jpg"],))
    assert list(rows) == list(rows) == list(ledger.rows())


def test_a_ledger_that_another_run_changed_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / LEDGER)
    for row in (FAILED, ROW):
        ledger.append(row)
    other = Ledger(tmp_path / LEDGER).write_sorted(tmp_path / LEDGER)
    with pytest.raises(OutputError, match="not a ledger row"):
        ledger[ROW.path]
    other.append(ROW)
    with pytest.raises(OutputError, match="another run changed this file; open it again"):
        ledger[FAILED.path]


def test_only_annotations_have_strokes_in_the_ledger() -> None:
    plain = Marker(box_quad(0, 0, 9, 9), "R", 0.9, "lead")
    arrow = with_strokes(replace(plain, text="", style="annotation"), (box_quad(0, 0, 9, 2), box_quad(4, 0, 6, 9)))
    row = LedgerRow("a.png", "0" * 64, "cleaned", markers=(plain, arrow), residual=(arrow,))
    line = ledger_line(row)
    assert line.count("strokes") == 2
    assert _parse(Path("ledger"), "line 1", line.encode()) == row
