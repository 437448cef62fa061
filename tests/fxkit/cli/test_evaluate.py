"""What `fxkit evaluate` prints; its options are tested with those of the other commands after training."""

import shutil
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fxkit.cli.evaluate import evaluate
from fxkit.data.manifest import Record, manifest_hash, read_manifest, write_manifest
from fxkit.run import Run, read_json, write_json


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
    heading, *rows = by_film[start : start + 3]
    assert heading.split() == ["class", "precision", "recall", "f1-score", "support"]
    found = read_json(folder / "metrics.json")["film"]["report"]
    for name, row in zip(("not_fractured", "fractured"), rows, strict=True):
        called, _, recall, _, support = row.split()
        assert (called, recall) == (name, f"{found[name]['recall']:.3f}")
        assert int(support) == found[name]["support"]
        assert len(row) == len(heading)


def test_other_films_of_training_patients_are_warned_of(folder: Path) -> None:
    records = read_manifest(folder / "manifest.csv")
    group = next(r.group for r in records if r.split == "train")
    tests = sum(r.split == "test" for r in records)
    set_records(folder, [replace(r, group=group) if r.split == "test" else r for r in records])
    result = CliRunner().invoke(evaluate, [str(folder)], catch_exceptions=False)
    assert (
        f"warning: {tests} of {tests} test files leak: 0 are copies of a training film, {tests} are other films of a "
        "training patient or group"
    ) in result.stderr


def test_an_honest_split_is_not_warned_of(folder: Path) -> None:
    assert "leak" not in CliRunner().invoke(evaluate, [str(folder)], catch_exceptions=False).stderr


def test_films_that_training_has_seen_are_warned_of(folder: Path, trained: Run) -> None:
    arguments = [str(folder), "--manifest", str(folder / "manifest.csv"), "--root", str(trained.root)]
    result = CliRunner().invoke(evaluate, [*arguments, "--name", "twin"], catch_exceptions=False)
    seen = [r for r in trained.records if r.split in ("train", "val")]
    films = len({r.film for r in seen})
    assert (
        f"warning: {len(seen)} files ({films} films) are, but for cleaning, training or validation files of this run"
    ) in result.stderr


def test_every_option_has_a_help_text() -> None:
    assert all(option.help for option in evaluate.params if isinstance(option, click.Option))
