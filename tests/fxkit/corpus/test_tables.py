"""Every kind of table, readable, odd and damaged, through index, clean-labels, train and predict.

A readable table must give the films, patients and classes that it means, and a line for what was done with it. Any
other table must be refused in one line. No row may vanish without a word.
"""

import json
import re
from pathlib import Path

import pytest

from fxkit.data.manifest import read_manifest, usable
from preprocess.images import write_image
from tests.fxkit.corpus.command import run
from tests.fxkit.corpus.tables import FILMS, TableKind, files, film_pixels, film_rows, paths, tables, text

KINDS = {kind.name: kind for kind in tables()}

INDEX = ("--no-copies", "--no-pages", "--fractions", "0.5,0.25,0.25")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The films that the tables list."""
    folder = tmp_path_factory.mktemp("tables") / "films"
    for number, (path, _, _) in enumerate(film_rows()):
        write_image(folder / path, film_pixels(number))
    return folder


@pytest.fixture(scope="module")
def no_markers(root: Path) -> Path:
    """A COCO file of films without markers, so that cleaning needs no detector."""
    images = [{"id": n, "file_name": path, "width": 32, "height": 32} for n, (path, _, _) in enumerate(film_rows())]
    file = root.with_name("markers.json")
    file.write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    return file


@pytest.fixture
def table(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Path:
    """The file of the kind that the test names."""
    kind = KINDS[request.getfixturevalue("name")]
    file = tmp_path / f"{kind.name}.csv"
    file.write_bytes(kind.data.replace(b"{root}", str(root).encode()))
    return file


def check_lines(kind: TableKind, code: int, output: str) -> None:
    """Check the exit code, and that the output holds each text, with one line for an error."""
    assert code == (0 if kind.films else 1), output
    errors = re.findall("^error: .*", output, re.MULTILINE)
    assert len(errors) == (0 if kind.films else 1), output
    assert "\\udc" not in output
    for line in kind.says:
        assert line in output


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) == len(tables()) >= 60


@pytest.mark.parametrize("name", KINDS)
def test_index_reads_or_refuses_a_table(name: str, table: Path, root: Path, tmp_path: Path) -> None:
    kind, manifest = KINDS[name], tmp_path / "manifest.csv"
    code, out, err = run("index", table, "--root", root, "--out", manifest, *INDEX)
    check_lines(kind, code, out + err)
    if not kind.films:
        assert not manifest.exists()
        return
    records = usable(read_manifest(manifest))
    found = (len(records), len({r.patient for r in records} - {""}), len({r.label for r in records}))
    assert found == (kind.films, kind.patients, kind.classes)
    assert len({r.group for r in records}) == (kind.patients if kind.groups is None else kind.groups)
    assert {r.path for r in records} <= {path for path, _, _ in film_rows()}


@pytest.mark.parametrize("name", [kind.name for kind in (*files(), *paths())])
def test_clean_labels_reads_or_refuses_the_same_tables(
    name: str, table: Path, root: Path, no_markers: Path, tmp_path: Path
) -> None:
    kind = KINDS[name]
    code, out, err = run(
        "clean-labels", table, "--root", root, "--markers", no_markers, "--out", tmp_path / "clean", "--dry-run"
    )
    if kind.films:
        assert f"{FILMS} files: 0 with 0 markers, {kind.films} copied, {FILMS - kind.films} failed" in out, out + err
        assert code == (0 if kind.films == FILMS else 1)
    else:
        assert code in (0, 1), err  # a class may be missing: cleaning needs none
        assert err.count("error: ") == code


def test_training_sees_the_films_classes_and_groups_of_a_messy_table(root: Path, tmp_path: Path) -> None:
    def messy(n: int, row: tuple[str, str, str]) -> tuple[str, str, str]:
        path = (row[0], row[0].replace("/", "\\"), f"{root}/{row[0]}", row[0].upper())[n % 4]
        return path, row[1].title() if n % 3 else row[1], f"P-{row[2][1:]}" if n % 2 else row[2]

    splits = ["train"] * 8 + ["val"] * 4 + ["test"] * 4
    seen = []
    for name, edit, encoding in (("plain", None, "utf-8"), ("messy", messy, "utf-16")):
        table = tmp_path / f"{name}.csv"
        lines = text(edit, separator=";").splitlines()
        rows = [f"{line};{split}" for line, split in zip(lines, ["split", *splits], strict=True)]
        table.write_bytes("\r\n".join(rows).encode(encoding))
        options = ("--config", "tiny", "--image-size", 32, "--epochs", "1,0", "--runs", tmp_path, "--quiet")
        code, _, err = run("train", "--data", table, "--root", root, "--name", name, *options)
        assert code == 0, err
        records = read_manifest(tmp_path / name / "manifest.csv")
        groups = {record.group: frozenset(r.path for r in records if r.group == record.group) for record in records}
        seen.append(({(r.path, r.label.lower()) for r in records}, {*groups.values()}))
    assert seen[0] == seen[1]
    for note in (
        "read as UTF-16-LE",
        "2 classes are spelled in several ways",
        "8 patients are spelled in several ways",
    ):
        assert note in err


def test_what_was_read_is_told_before_an_error(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "films.csv"
    table.write_text(text(lambda n, row: (row[0], row[1], "1.23E+11"), "Image Index,class,MRN"))
    for command in (("index", table, "--out", tmp_path / "m.csv", *INDEX), ("train", "--data", table)):
        code, _, err = run(*command, "--root", root)
        *notes, error = err.splitlines()
        assert code == 1
        assert error.startswith("error: ")
        assert [note.partition(": ")[0] for note in notes] == ["note"] * len(notes)
        for note in ("`Image Index` is read as path", "`MRN` is read as patient", "WARNING: ", "1.23E+11 is a number"):
            assert note in err
