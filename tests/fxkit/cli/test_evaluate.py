"""What `fxkit evaluate` prints; its options are tested with those of the other commands after training."""

import shutil
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fxkit.cli.evaluate import evaluate
from fxkit.data.manifest import Record, manifest_hash, read_manifest, write_manifest
from fxkit.errors import DataError
from fxkit.models.run_folder import Run, read_json, write_json


@pytest.fixture
def folder(trained: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


def set_records(folder: Path, records: list[Record]) -> None:
    write_manifest(folder / "manifest.csv", records)
    described = read_json(folder / "manifest.json")
    write_json(folder / "manifest.json", described | {"sha256": manifest_hash(records)})


def test_each_class_is_printed_with_precision_recall_f1_and_support(folder: Path) -> None:
    result = CliRunner().invoke(evaluate, [str(folder)], catch_exceptions=False)
    lines = result.stdout.splitlines()
    by_film = lines[lines.index("by film:") :]
    start = next(i for i, line in enumerate(by_film) if line.split()[0] == "class")
    heading, *rows, mean = by_film[start : start + 4]
    assert heading.split() == ["class", "precision", "recall", "f1-score", "support"]
    found = read_json(folder / "metrics.json")["film"]["report"]
    for name, row in zip(("not_fractured", "fractured"), rows, strict=True):
        called, _, recall, _, support = row.split()
        assert (called, recall) == (name, f"{found[name]['recall']:.3f}")
        assert int(support) == found[name]["support"]
        assert len(row) == len(heading)
    macro = found["macro avg"]
    shown = [f"{macro[column]:.3f}" for column in ("precision", "recall", "f1-score")]
    assert mean.split() == ["mean", "of", "the", "classes", *shown, f"{macro['support']:.0f}"]


def test_other_films_of_training_patients_are_refused_or_told(folder: Path) -> None:
    records = read_manifest(folder / "manifest.csv")
    group = next(r.group for r in records if r.split == "train")
    tests = sum(r.split == "test" for r in records)
    set_records(folder, [replace(r, group=group) if r.split == "test" else r for r in records])
    told = f"of {tests} test files, {tests} (100 %) are other films of a training group"
    refused = CliRunner().invoke(evaluate, [str(folder)])
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception).startswith(f"{folder / 'manifest.csv'}: the split leaks: {told}; this affects 4 of 4")
    result = CliRunner().invoke(evaluate, [str(folder), "--allow-leaks"], catch_exceptions=False)
    assert result.stdout.splitlines()[0] == f"leaking split: {told}"
    found = read_json(folder / "metrics.json")["leaks"]
    assert found["stamp"] == f"leaking split: {told}"
    assert (found["test"]["grouped_files"], found["val"]["grouped_files"]) == (tests, 0)
    assert f"Leaking split: {told}." in (folder / "report.html").read_text()


def test_a_leaking_val_part_stamps_the_test_figures_and_is_itself_refused(folder: Path) -> None:
    records = read_manifest(folder / "manifest.csv")
    film = next(r.film for r in records if r.split == "train")
    first = next(r.path for r in records if r.split == "val")
    set_records(folder, [replace(r, film=film) if r.path == first else r for r in records])
    vals = sum(r.split == "val" for r in records)
    result = CliRunner().invoke(evaluate, [str(folder)], catch_exceptions=False)
    assert result.stdout.startswith(f"leaking split: of {vals} val files, 1 (")
    refused = CliRunner().invoke(evaluate, [str(folder), "--split", "val"])
    assert isinstance(refused.exception, DataError)
    assert f"the split leaks: of {vals} val files, 1 (" in str(refused.exception)


def test_an_honest_split_bears_no_stamp(folder: Path) -> None:
    assert "leak" not in CliRunner().invoke(evaluate, [str(folder)], catch_exceptions=False).output
    assert "leaks" not in read_json(folder / "metrics.json")
    assert 'class="stamp"' not in (folder / "report.html").read_text()


def test_films_that_training_has_seen_are_told(folder: Path, trained: Run) -> None:
    arguments = [str(folder), "--manifest", str(folder / "manifest.csv"), "--root", str(trained.root)]
    result = CliRunner().invoke(evaluate, [*arguments, "--name", "twin", "--allow-leaks"], catch_exceptions=False)
    seen = [r for r in trained.records if r.split in ("train", "val")]
    films = len({r.film for r in seen})
    told = (
        f"{len(seen)} files ({films} films) are, apart from cleaning, training or validation files of this run or of "
    )
    told += "a run that its backbone weights come from"
    assert result.stdout.splitlines()[0] == f"leaking data: {told}"
    assert read_json(folder / "evaluations" / "twin" / "metrics.json")["leaks"]["stamp"] == f"leaking data: {told}"


def test_every_option_has_a_help_text() -> None:
    assert all(option.help for option in evaluate.params if isinstance(option, click.Option))
