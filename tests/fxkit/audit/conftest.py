"""Run folders with given metrics."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fxkit.audit.evidence import read_evidence
from fxkit.audit.rules import Answer
from fxkit.audit.verdict import answer_questions
from fxkit.config import load_config
from fxkit.data.manifest import Record, films_hash, read_manifest
from fxkit.data.preprocessing import Preprocessing
from fxkit.models.model_json import ModelCard, write_card
from fxkit.models.run_folder import create_run
from fxkit.report.made_with import describe_training

PREPROCESSING = Preprocessing(96, "stretch", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLASSES = ("intact", "fractured")
PARTS = {"train": 8, "val": 4}


def record(split: str, number: int, patient: bool = True) -> Record:
    name = f"{split}{number}"
    return Record(f"{name}.png", CLASSES[number % 2], name, split, name, 9, 9, "ok", name, name if patient else "")


def interval(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n_groups": 60}


def level(auroc: tuple[float, float, float], fewest: int) -> dict[str, Any]:
    figures = {"auroc": interval(*auroc)}
    figures |= {name: interval(0.8, 0.7, 0.9) | {"n_groups": fewest} for name in ("sensitivity", "specificity")}
    row = {"precision": 0.8, "recall": 0.8, "f1-score": 0.8, "support": 30}
    return {"n": 60, "figures": figures, "confusion": [[24, 6], [5, 25]], "report": dict.fromkeys(CLASSES, row)}


@pytest.fixture(scope="session")
def metrics() -> Callable[..., dict[str, Any]]:
    """Build the content of metrics.json."""

    def build(
        auroc: tuple[float, float, float] = (0.9, 0.85, 0.95), fewest: int = 150, **entries: Any
    ) -> dict[str, Any]:
        counts = {"n_files": 60, "n_films": 60, "n_groups": 60, "n_unknown": 0}
        own = level(auroc, fewest)
        return {"classes": list(CLASSES), "threshold": 0.5, **counts, "file": own, "film": own, **entries}

    return build


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run folder with `tested` test films, half of each class."""

    def make(
        tested: int = 200,
        patient: bool = True,
        extra: tuple[Record, ...] = (),
        settings: tuple[str, ...] = (),
        finished: bool = False,
        **folder_options: Any,
    ) -> Path:
        folder = tmp_path / "runs" / "run"
        parts = PARTS | {"test": tested}
        rows = [record(split, i, patient) for split, number in parts.items() for i in range(number)]
        config = load_config("tiny", ["model.pretrained=false", *settings])
        create_run(folder, config, tmp_path / "films", [*rows, *extra], overwrite=True, **folder_options)
        phases = {"head": {"epoch": 0, "val_loss": 0.6}}
        (folder / "phases.json").write_text(json.dumps(phases))
        if finished:
            write_card(folder, ModelCard(CLASSES, config.model, PREPROCESSING, folder_options.get("cleaning")))
        return folder

    return make


@pytest.fixture(scope="session")
def ask() -> Callable[..., Answer]:
    """Answer one question about a run folder."""

    def ask_question(key: str, folder: Path, **evidence: Any) -> Answer:
        return next(answer for answer in answer_questions(read_evidence(folder, **evidence)) if answer.key == key)

    return ask_question


@pytest.fixture(scope="session")
def write() -> Callable[[Path, object], Path]:
    """Write a JSON file and create its folder."""

    def put(path: Path, values: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
        return path

    return put


@pytest.fixture(scope="session")
def ablation() -> Callable[..., dict[str, Any]]:
    """Build the content of an ablation.json for the films of a run."""

    def build(run: Path, verdict: str, **changes: Any) -> dict[str, Any]:
        contrast = {"key": "markers", "text": "elsewhere minus markers", "p": 0.2, **interval(0.01, -0.02, 0.04)}
        counts = {"n_groups": 200, "n_films": 200, "n_files": 200, "n_erased": 180}
        values = {"name": "masked-vs-raw", "metric": "auroc", "seeds": [0], "mode": "full", "flips": [], "cells": []}
        config = load_config(run / "config.yaml")
        source = json.loads((run / "environment.json").read_text())
        values |= {
            "made_with": describe_training(config, changes.get("mode", "full"), PREPROCESSING, source),
            "backbone": "test_resnet",
            "manifest": films_hash(read_manifest(run / "manifest.csv"), split=not changes.get("folds")),
        }
        return (
            values
            | counts
            | {"contrasts": [contrast], "verdict": verdict, "reason": "the ablation gave this result"}
            | changes
        )

    return build
