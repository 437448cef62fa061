"""Other tables that people edit: pairs of copies, and older manifests that freeze a split."""

from pathlib import Path

import pytest

from fxkit.data.manifest import read_manifest
from preprocess.images import write_image
from tests.fxkit.corpus.command import run
from tests.fxkit.corpus.tables import film_pixels, film_rows, text

ROWS = [(path, label, "") for path, label, _ in film_rows()]

A, B = ROWS[0][0], ROWS[2][0]

PAIRS = {
    "plain": f"first,second\n{A},{B}\n".encode(),
    "UTF-16 with semicolons": f"First;Second;note\r\n{A};{B};same\r\n".encode("utf-16"),
    "byte order mark and backslashes": f"first,second\n{A},{B}\n".replace("/", "\\").encode("utf-8-sig"),
    "other case": f"FIRST\tSECOND\n{A.upper()}\t{B}\n".encode(),
    "heading twice": f"first,second\n{A},{B}\nfirst,second\n".encode(),
}

BROKEN_PAIRS = {
    "unknown film": (b"first,second\nnone.png,wrist/Film 01.png\n", "row 2: first 'none.png' is not a readable film"),
    "one column": (f"first\n{A}\n".encode(), "column `second` is missing; its columns are: first"),
    "no heading": (f"{A},{B}\n{A},{B}\n".encode(), "column `first` is missing"),
    "outside": (f"first,second\n../{A},{B}\n".encode(), "row 2: ../wrist/Film 01.png is outside of"),
    "empty": (b"", "no rows and no heading"),
    "workbook": (b"PK\x03\x04" + bytes(90), "an Excel workbook"),
    "quote": (f'first,second\n"{A},{B}\n'.encode(), "a double quote is opened and not closed"),
}

BROKEN_MANIFESTS = {
    "no split": (b"path,label,group\na.png,x,g\n", "column 'split' is missing"),
    "other split": (
        b"path,label,group,split\na.png,x,g,holdout\n",
        "row 2: split 'holdout'; expected train, val, test",
    ),
    "fold of words": (
        b"path,label,group,split,fold\na.png,x,g,train,one\n",
        "row 2: fold 'one'; expected a whole number",
    ),
    "cut": (b"path,label,group,split\na.png,x\n", "row 2: is cut short"),
    "heading only": (b"path,label,group,split\n", "no rows; expected a manifest"),
    "web page": (b"<html><body>login</body></html>", "is a web page, not a CSV file"),
    "other films": (b"path,label,group,split\nz.png,x,g,train\n", "has a split for none of 16 files"),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of films without patients, beside the films."""
    folder = tmp_path_factory.mktemp("pairs")
    for number, (path, _, _) in enumerate(ROWS):
        write_image(folder / path, film_pixels(number))
    (folder / "films.csv").write_text(text(lambda n, row: (*row[:2], ""), "path,label,patient"))
    return folder / "films.csv"


def index(films: Path, out: Path, option: str, content: bytes) -> tuple[int, str]:
    """Index the films with a table as an option; return the exit code and stderr."""
    table = out / "table.csv"
    table.write_bytes(content)
    code, _, err = run("index", films, "--no-copies", "--no-pages", "--out", out / "m.csv", option, table)
    return code, err


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_read_as_people_save_them(name: str, films: Path, tmp_path: Path) -> None:
    code, err = index(films, tmp_path, "--accept", PAIRS[name])
    assert code == 0, err
    groups = {record.path: record.group for record in read_manifest(tmp_path / "m.csv")}
    assert groups[A] == groups[B]
    assert len({*groups.values()}) == len(groups) - 1


@pytest.mark.parametrize("name", BROKEN_PAIRS)
def test_broken_pairs_are_refused(name: str, films: Path, tmp_path: Path) -> None:
    content, reason = BROKEN_PAIRS[name]
    code, err = index(films, tmp_path, "--accept", content)
    assert code == 1
    assert reason in err.splitlines()[-1]


@pytest.mark.parametrize("name", BROKEN_MANIFESTS)
def test_broken_older_manifests_are_refused(name: str, films: Path, tmp_path: Path) -> None:
    content, reason = BROKEN_MANIFESTS[name]
    code, err = index(films, tmp_path, "--frozen", content)
    assert code == 1
    assert reason in err.splitlines()[-1]
    code, _, err = run("train", "--manifest", tmp_path / "table.csv", "--root", films.parent, "--runs", tmp_path / "r")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: ")
