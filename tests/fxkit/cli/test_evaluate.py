"""`fxkit evaluate`: what it prints, other data, and leaks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from fxkit.cli.evaluate import evaluate
from fxkit.data.manifest import Record, manifest_hash, read_manifest, write_manifest
from fxkit.errors import DataError
from fxkit.index.build import Index
from fxkit.models.run_folder import Run, read_json, write_json


def set_records(folder: Path, records: list[Record]) -> None:
    """Replace the manifest of a run, and its hash."""
    write_manifest(folder / "manifest.csv", records)
    description = read_json(folder / "manifest.json")
    write_json(folder / "manifest.json", description | {"sha256": manifest_hash(records)})


def test_intervals_are_printed_and_the_report_is_written(run_folder: Path, invoke: Callable[..., Result]) -> None:
    out = invoke(evaluate, run_folder).stdout
    assert "by film:" in out
    assert "auroc" in out
    assert out.splitlines()[-1] == f"report: {run_folder / 'report.html'}"
    assert (run_folder / "report.html").is_file()


def test_other_data_are_evaluated(
    run_folder: Path, made_index: Index, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    write_manifest(tmp_path / "m.csv", made_index.records)
    films = ("--manifest", tmp_path / "m.csv", "--root", made_index.root)
    arguments = [evaluate, run_folder, *films, "--name", "other"]
    with pytest.raises(
        DataError, match=r"other: 60 files \(20 films\) are, apart from cleaning, training or validation"
    ):
        invoke(*arguments)
    out = invoke(*arguments, "--allow-leaks").stdout
    assert out.startswith("leaking data: 60 files (20 films) are, apart from cleaning, training or validation files")
    assert (run_folder / "evaluations" / "other" / "metrics.json").is_file()


def test_raw_films_need_a_root() -> None:
    result = CliRunner().invoke(evaluate, ["x", "--raw"])
    assert result.exit_code == 2
    assert "--raw needs --root or --data" in result.stderr


def test_each_class_is_printed_with_precision_recall_f1_and_support(run_folder: Path) -> None:
    result = CliRunner().invoke(evaluate, [str(run_folder)], catch_exceptions=False)
    lines = result.stdout.splitlines()
    by_film = lines[lines.index("by film:") :]
    start = next(i for i, line in enumerate(by_film) if line.split()[0] == "class")
    heading, *rows, mean = by_film[start : start + 4]
    assert heading.split() == ["class", "precision", "recall", "f1-score", "support"]
    report = read_json(run_folder / "metrics.json")["film"]["report"]
    for name, row in zip(("not_fractured", "fractured"), rows, strict=True):
        label, _, recall, _, support = row.split()
        assert (label, recall) == (name, f"{report[name]['recall']:.3f}")
        assert int(support) == report[name]["support"]
        assert len(row) == len(heading)
    macro = report["macro avg"]
    scores = [f"{macro[column]:.3f}" for column in ("precision", "recall", "f1-score")]
    assert mean.split() == ["mean", "of", "the", "classes", *scores, f"{macro['support']:.0f}"]


def test_other_films_of_training_patients_are_refused_or_stamped(run_folder: Path) -> None:
    records = read_manifest(run_folder / "manifest.csv")
    group = next(r.group for r in records if r.split == "train")
    tests = sum(r.split == "test" for r in records)
    set_records(run_folder, [replace(r, group=group) if r.split == "test" else r for r in records])
    leak = f"of {tests} test files, {tests} (100 %) are other films of a training group"
    refused = CliRunner().invoke(evaluate, [str(run_folder)])
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception).startswith(
        f"{run_folder / 'manifest.csv'}: the split leaks: {leak}; this affects 4 of 4"
    )
    result = CliRunner().invoke(evaluate, [str(run_folder), "--allow-leaks"], catch_exceptions=False)
    assert result.stdout.splitlines()[0] == f"leaking split: {leak}"
    leaks = read_json(run_folder / "metrics.json")["leaks"]
    assert leaks["stamp"] == f"leaking split: {leak}"
    assert (leaks["test"]["grouped_files"], leaks["val"]["grouped_files"]) == (tests, 0)
    assert f"Leaking split: {leak}." in (run_folder / "report.html").read_text()


def test_a_leaking_validation_split_stamps_the_test_figures_and_is_itself_refused(run_folder: Path) -> None:
    records = read_manifest(run_folder / "manifest.csv")
    film = next(r.film for r in records if r.split == "train")
    first = next(r.path for r in records if r.split == "val")
    set_records(run_folder, [replace(r, film=film) if r.path == first else r for r in records])
    vals = sum(r.split == "val" for r in records)
    result = CliRunner().invoke(evaluate, [str(run_folder)], catch_exceptions=False)
    assert result.stdout.startswith(f"leaking split: of {vals} val files, 1 (")
    refused = CliRunner().invoke(evaluate, [str(run_folder), "--split", "val"])
    assert isinstance(refused.exception, DataError)
    assert f"the split leaks: of {vals} val files, 1 (" in str(refused.exception)


def test_an_honest_split_has_no_stamp(run_folder: Path) -> None:
    assert "leak" not in CliRunner().invoke(evaluate, [str(run_folder)], catch_exceptions=False).output
    assert "leaks" not in read_json(run_folder / "metrics.json")
    assert 'class="stamp"' not in (run_folder / "report.html").read_text()


def test_films_that_training_has_seen_are_stamped(run_folder: Path, trained: Run) -> None:
    arguments = [str(run_folder), "--manifest", str(run_folder / "manifest.csv"), "--root", str(trained.root)]
    result = CliRunner().invoke(evaluate, [*arguments, "--name", "twin", "--allow-leaks"], catch_exceptions=False)
    seen = [r for r in trained.records if r.split in ("train", "val")]
    films = len({r.film for r in seen})
    leak = (
        f"{len(seen)} files ({films} films) are, apart from cleaning, training or validation files of this run or of "
        "a run that its backbone weights come from"
    )
    assert result.stdout.splitlines()[0] == f"leaking data: {leak}"
    assert read_json(run_folder / "evaluations" / "twin" / "metrics.json")["leaks"]["stamp"] == f"leaking data: {leak}"


def test_every_option_has_a_help_text() -> None:
    assert all(option.help for option in evaluate.params if isinstance(option, click.Option))
