"""Run folders with known results, and a parser of the report page."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np

from fxkit.data.manifest import Record, write_manifest
from fxkit.evaluation.result import write_pictures
from fxkit.explain.attention import Attention
from fxkit.explain.explain import summarise_rows
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import evaluate_predictions

BAD = "<script>alert('x')</script> & \"co\""


HISTORY = "phase,epoch,train_loss,val_loss,val_auroc\nhead,0,0.7,0.69,0.5\nfinetune,0,0.6,0.6,0.7\n"


VOID = {"meta", "link", "img", "line", "circle", "br"}


class Page(HTMLParser):
    """Checks that tags close, and keeps tags with their attributes and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def headings(self) -> list[str]:
        return re.findall(r"<h2>([^<]*)</h2>", self.source)


def record(i: int, split: str, group: str, label: str, patient: str = "") -> Record:
    return Record(f"{i}.png", label, group, split, "", 9, 9, "ok", group, patient)


def records(classes=("intact", "fractured"), leak: bool = False) -> list[Record]:
    rows = []
    for i in range(24):
        split = ("train", "val", "test")[i // 8]
        group = "g0" if leak and split == "test" and i % 4 == 0 else f"g{i // 2}"
        rows.append(record(i, split, group, classes[(i // 2) % 2]))
    return rows


def predictions(classes=("intact", "fractured"), groups=None) -> Predictions:
    rng = np.random.default_rng(0)
    p = rng.random(16)
    groups = tuple(f"g{i // 2}" for i in range(16)) if groups is None else groups
    return Predictions(
        classes, tuple(map(str, range(16))), np.arange(16) // 2 % 2, np.stack([1 - p, p], 1), groups, groups
    )


def write_scores(folder: Path, predictions: Predictions, curves: bool = False, **more: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    evaluation = evaluate_predictions(predictions, resamples=50)
    (folder / "metrics.json").write_text(json.dumps(evaluation.to_dict() | more))
    if curves:
        write_pictures(folder / "figures", evaluation, predictions)


def write_ablation(folder: Path, **changes: object) -> None:
    interval = {"value": 0.04, "low": -0.02, "high": 0.1}
    cells = [{"trained": a, "tested": b, **interval} for a in ("raw", "cleaned") for b in ("raw", "cleaned")]
    cells[0]["value"] = 0.77
    values = {
        "name": "masked-vs-raw",
        "seeds": [0, 1],
        "metric": "auroc",
        "cells": cells,
        "mode": "quick",
        "contrasts": [{"key": "markers", "text": "elsewhere minus markers erased", "p": 0.2, **interval}],
        "flips": [{"name": "swapped", "by_marker": 0.1, "by_patch": 0.05, "difference": interval}],
        "verdict": "undecided",
        "reason": "Too few groups to tell.",
        "n_groups": 16,
        "n_films": 40,
        "n_files": 300,
    }
    (folder / "ablation.json").write_text(json.dumps(values | changes))


def write_picture(path: Path, width: int = 30, noise: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(0).integers(0, 255, (width, width, 3)) if noise else np.full((20, width, 3), 90)
    cv2.imwrite(str(path), image.astype(np.uint8))


def write_run(folder: Path, classes=("intact", "fractured"), leak: bool = False, curves: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(folder / "manifest.csv", records(classes, leak))
    (folder / "manifest.json").write_text(json.dumps({"root": str(folder / "images"), "sha256": ""}))
    (folder / "config.yaml").write_text("seed: 3\nmodel: {backbone: resnet50}\noptim: {epochs: [5, 15]}\n")
    if curves:  # drawing takes a while
        (folder / "history.csv").write_text(HISTORY)
    phases = {
        "head": {"epoch": 0, "val_loss": 0.69},
        "finetune": {"epoch": 0, "val_loss": 0.6, "finetuned_from": "layer3"},
    }
    (folder / "phases.json").write_text(json.dumps(phases))
    (folder / "environment.json").write_text(json.dumps({"commit": None, "python": "3.12", "packages": {"timm": "1"}}))
    write_scores(folder, predictions(classes), curves)
    return folder


def seen(path: str, label: str, area: float | None, attention: float | None) -> Attention:
    """Return attention on a film predicted as intact; shapes moved at random get 2 % of area and of attention."""
    chance = None if attention is None else np.full((4, 2), 0.02)
    return Attention(path, label, "intact", 0.9, area, attention, chance=chance)


def write_attention(run: Path, rows: list[Attention], sanity: float | None = None) -> None:
    resolution = "7 x 7 cells, one of 32 px"
    summary = summarise_rows(rows, method="grad-cam", layer="layer4", resolution=resolution, sanity=sanity)
    (run / "cam").mkdir(parents=True, exist_ok=True)
    (run / "cam" / "attention.json").write_text(json.dumps(summary.to_dict()))
