"""The question about markers for predictions of a model made elsewhere: which test of the given model counts."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fxkit.audit.evidence import read_evidence
from fxkit.audit.marker_question import ask_markers
from fxkit.audit.rules import Answer
from fxkit.cli.evaluate import evaluate
from fxkit.data.manifest import films_hash, read_manifest
from fxkit.models.run_folder import write_json
from fxkit.report.ablation import GIVEN, Ablation, Cell
from preprocess.files import sha256_of

MODEL = "tests.fxkit.marker_films:reads_marker"


@pytest.fixture
def folder(marker_films: Path, tmp_path: Path) -> Path:
    """A folder that evaluate wrote for a function."""
    films = ["--manifest", marker_films.parent / "manifest.csv", "--root", marker_films]
    options = ["--predictor", MODEL, *films, "--out", tmp_path / "out"]
    result = CliRunner().invoke(evaluate, list(map(str, options)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return tmp_path / "out"


def ask(folder: Path, verdict: str = "no evidence", **changes: Any) -> Answer:
    """Write an ablation with these changes, and ask the question."""
    values: dict[str, Any] = {
        "name": "masked-vs-raw",
        "mode": GIVEN,
        "seeds": (0,),
        "metric": "auroc",
        "margin": 0.05,
        "cells": (Cell(trained=GIVEN, tested="raw", value=0.9, low=0.8, high=1.0),),
        "contrasts": (),
        "flips": (),
        "verdict": verdict,
        "reason": "the test gave this result",
        "n_groups": 160,
        "n_films": 160,
        "n_files": 160,
        "n_erased": 160,
        "model": MODEL,
        "manifest": films_hash(read_manifest(folder / "manifest.csv"), split=False),
        "predictions": sha256_of(folder / "predictions.csv"),
    }
    write_json(folder / "ablation.json", Ablation(**values | changes).to_dict())
    return ask_markers(read_evidence(folder))


@pytest.mark.parametrize(("verdict", "colour"), [("reliance", "red"), ("undecided", "amber"), ("no evidence", "green")])
def test_the_verdict_counts_if_the_model_gave_these_predictions(folder: Path, verdict: str, colour: str) -> None:
    answer = ask(folder, verdict)
    assert (answer.colour, answer.reason) == (colour, "The test gave this result.")
    assert ("models", f"{MODEL}, tested as it is; nothing was trained") in answer.facts


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"predictions": ""}, "the given model was not compared with these predictions: run the ablation with --out"),
        ({"predictions": "0" * 64}, "was compared with other predictions than those in predictions.csv now"),
        ({"manifest": "of others"}, "the ablation tested other films than the score, or their groups differ"),
        ({"margin": 0.2}, "the ablation allows a loss of 0.20, where at most 0.05 is expected"),
        ({"stamp": "leaking split: x"}, "the ablation's split leaks (leaking split: x)"),
        ({"mode": "quick"}, "does not say that it tested the model behind these predictions"),
    ],
)
def test_a_test_of_something_else_is_a_caution(folder: Path, changes: dict[str, Any], doubt: str) -> None:
    answer = ask(folder, **changes)
    assert answer.colour == "amber"
    assert doubt in answer.reason
    assert answer.command == f"fxkit ablate masked-vs-raw --predictor {MODEL} --out {folder} --overwrite"


def test_without_a_test_its_command_is_named(folder: Path) -> None:
    answer = ask_markers(read_evidence(folder))
    assert (answer.colour, answer.command) == ("grey", f"fxkit ablate masked-vs-raw --predictor {MODEL} --out {folder}")
