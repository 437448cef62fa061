"""A table as hospitals write it gives what the clean table gives, and every command says what it did with it."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from fxkit.cli.clean_labels import clean_labels
from fxkit.cli.evaluate import evaluate
from fxkit.cli.index import index_command
from fxkit.data.manifest import read_manifest
from fxkit.models.run_folder import read_json
from fxkit.synth.dataset import Synthetic

Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def messy(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """truth.csv as UTF-16 with semicolons, other column names, and several spellings of paths, classes and patients."""
    with (made.root / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = ["Image Index;Finding Labels;Patient ID;age"]
    for n, row in enumerate(rows):
        path = (row["path"], row["path"].replace("/", "\\"), f"{made.root}/{row['path']}", row["path"].upper())[n % 4]
        label = (row["label"], row["label"], row["label"].title().replace("_", " "), f" {row['label']}")[n % 4]
        patient = (row["patient"], row["patient"].upper(), f"P-{row['patient'][1:]}", f"\u00a0{row['patient']}")[n % 4]
        lines.append(";".join((path, label, patient, "nan" if n % 9 == 0 else f"{n:03d}Y")))
    file = tmp_path_factory.mktemp("tables") / "messy.csv"
    file.write_bytes("\r\n".join(lines).encode("utf-16"))
    return file


def index(invoke: Invoke, data: Path, root: Path, out: Path, *options: object) -> str:
    fast = ("--no-copies", "--no-pages", "--root", root, "--out", out)
    return invoke(index_command, data, *fast, *options).output


def groups_of(manifest: Path) -> tuple[dict[str, str], set[frozenset[str]]]:
    """Return the class of each file, and the sets of files that form a group."""
    sets: dict[str, set[str]] = {}
    records = read_manifest(manifest)
    for record in records:
        sets.setdefault(record.group, set()).add(record.path)
    return {record.path: record.label for record in records}, {frozenset(paths) for paths in sets.values()}


def test_a_messy_table_gives_the_classes_and_groups_of_the_clean_one(
    invoke: Invoke, made: Synthetic, messy: Path, tmp_path: Path
) -> None:
    index(invoke, made.root / "truth.csv", made.root, tmp_path / "clean.csv")
    output = index(invoke, messy, made.root, tmp_path / "messy.csv")
    assert groups_of(tmp_path / "messy.csv") == groups_of(tmp_path / "clean.csv")
    for note in (
        f"{messy}: read as UTF-16-LE with columns separated by semicolons",
        f"{messy}: column `Image Index` is read as path",
        f"{messy}: column `Finding Labels` is read as label",
        f"{messy}: column `Patient ID` is read as patient",
        f"{messy}: columns that are not read: age",
        f"{messy}: 18 paths differ from their files in case, accents, encoding or extension, and are read as these",
        "WARNING: 2 classes are spelled in several ways and joined under one spelling: fractured (27 files) = ",
        "WARNING: 10 patients are spelled in several ways and joined under one spelling: ",
    ):
        assert note in output


def test_an_older_manifest_that_a_spreadsheet_saved_freezes_the_split(
    invoke: Invoke, made: Synthetic, messy: Path, tmp_path: Path
) -> None:
    older, newer = tmp_path / "older.csv", tmp_path / "newer.csv"
    index(invoke, messy, made.root, older)
    splits = {record.path: record.split for record in read_manifest(older)}
    older.write_text(older.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8-sig")
    index(invoke, made.root / "truth.csv", made.root, newer, "--frozen", older)
    assert {record.path: record.split for record in read_manifest(newer)} == splits


@pytest.mark.parametrize("word", ["nan", "unknown", "N/A", "-", "ANONYMOUS", "none"])
def test_placeholders_are_no_patient_and_the_files_without_one_are_counted(
    invoke: Invoke, made: Synthetic, tmp_path: Path, word: str
) -> None:
    paths = [path for path in (made.root / "truth.csv").read_text().split() if path][1:21]
    films = [path.split(",")[0] for path in paths]
    rows = "".join(f"{film},{film.split('/')[0]},{f'p{n}' if n % 2 else word}\n" for n, film in enumerate(films))
    (tmp_path / "films.csv").write_text(f"path,label,patient\n{rows}")
    output = index(invoke, tmp_path / "films.csv", made.root, tmp_path / "m.csv", "--split", "random")
    assert f"10 cells of column `patient` count as empty: {word}" in output
    assert "10 of 20 files have no patient and are grouped by film instead" in output
    assert {record.patient for record in read_manifest(tmp_path / "m.csv")} == {f"p{n}" for n in range(1, 20, 2)} | {""}


@pytest.mark.slow
def test_cleaning_reads_the_same_files(invoke: Invoke, made: Synthetic, messy: Path, tmp_path: Path) -> None:
    options = ("--root", made.root, "--markers", made.root / "markers.json", "--out", tmp_path / "c", "--dry-run")
    clean = invoke(clean_labels, made.root / "truth.csv", *options)
    result = invoke(clean_labels, messy, *options)
    assert result.stdout == clean.stdout
    assert f"note: {messy}: column `Patient ID` is read as patient" in result.stderr


@pytest.mark.slow
def test_evaluation_and_subgroups_read_the_same_films(
    invoke: Invoke, made: Synthetic, messy: Path, run_folder: Path
) -> None:
    for data, name in ((made.root / "truth.csv", "clean"), (messy, "messy")):
        films = ("--data", data, "--root", made.root, "--name", name, "--allow-leaks")
        result = invoke(evaluate, run_folder, *films, "--subgroups", messy, "--by", "Age")
    clean, again = (read_json(run_folder / "evaluations" / name / "metrics.json") for name in ("clean", "messy"))
    values = [{name: figure["value"] for name, figure in m["film"]["figures"].items()} for m in (clean, again)]
    assert values[0] == values[1]  # the intervals draw groups by name, and the names differ
    assert [(part["attribute"], part["value"]) for part in again["subgroups"] if part["attribute"] == "age"] == [
        ("age", "1: below 18.5"), ("age", "2: 18.5 to 36"), ("age", "3: 36 to 53.5"), ("age", "4: 53.5 or more")
    ]  # fmt: skip
    assert "8 cells of column `age` count as empty: nan" in result.stderr
