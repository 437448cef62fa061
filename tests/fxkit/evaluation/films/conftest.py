"""A run folder with films, markers and predictions, which no training made."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxkit.config import load_config
from fxkit.data.manifest import Record
from fxkit.data.preprocessing import Preprocessing
from fxkit.metrics.predictions import Predictions
from fxkit.models.model_json import ModelCard, write_card
from fxkit.models.run_folder import create_run
from preprocess.images import write_image

CLASSES = ("intact", "fractured")


def record(split: str, number: int) -> Record:
    """Return a film; three films in a row are those of one patient."""
    name, patient = f"{split}/{number:02d}.png", f"{split[:2]}{number // 3}"
    label = CLASSES[number // 3 % 2]
    return Record(name, label, patient, split, name, 60, 40, "ok", name[:-4], patient, "east" if number % 2 else "west")


def predictions_of(records: list[Record], positive: np.ndarray, folds: np.ndarray | None = None) -> Predictions:
    return Predictions(
        classes=CLASSES,
        paths=tuple(r.path for r in records),
        labels=np.array([CLASSES.index(r.label) for r in records]),
        probabilities=np.stack([1 - positive, positive], axis=1),
        films=tuple(r.film for r in records),
        groups=tuple(r.group for r in records),
        folds=folds,
    )


def good_scores(records: list[Record]) -> np.ndarray:
    """Return probabilities of the positive class that fit the labels, all of them different."""
    rng = np.random.default_rng(0)
    truth = np.array([CLASSES.index(r.label) for r in records])
    return np.where(truth == 1, 0.9, 0.1) + rng.uniform(-0.05, 0.05, len(records))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run of 18 test films, two of which (00 and 04) are predicted as the other class than their label."""

    def make(
        name: str = "run", extra: tuple[Record, ...] = (), wrong: tuple[int, ...] = (0, 4), **options: int
    ) -> Path:
        folder, films = tmp_path / "runs" / name, tmp_path / "films"
        config = load_config("tiny", ["model.pretrained=false"])
        tested = [record("test", n) for n in range(18)]
        records = [record("train", n) for n in range(6)] + [record("val", n) for n in range(6)] + tested
        records += list(extra)
        if options.get("folds"):
            records = [replace(r, fold=str(int(r.patient[2:]) % 2)) if r.split != "test" else r for r in records]
        rng = np.random.default_rng(1)
        for one in records:
            if not (films / one.path).is_file():
                write_image(films / one.path, rng.integers(0, 255, (40, 60), np.uint8))
        create_run(folder, config, films, records, **options)
        preprocessing = Preprocessing(32, "stretch", (0.5,) * 3, (0.5,) * 3)
        write_card(folder, ModelCard(CLASSES, config.model, preprocessing, cleaning=None))
        tested = [r for r in records if r.split == "test"]
        positive = good_scores(tested)
        positive[list(wrong)] = 1 - positive[list(wrong)]
        predictions_of(tested, positive).write_csv(folder / "predictions.csv")
        if options.get("folds"):
            learnt = [r for r in records if r.split != "test"]
            folds = np.array([int(r.fold) for r in learnt])
            predictions_of(learnt, good_scores(learnt), folds).write_csv(folder / "out_of_fold.csv")
        return folder

    return make


@pytest.fixture(scope="session")
def films_on_page() -> Callable[[str], list[dict[str, Any]]]:
    """Return the cards in the data of a page."""

    def read(page: str) -> list[dict[str, Any]]:
        (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
        return json.loads(data)["films"]

    return read


@pytest.fixture
def browse() -> Callable[..., str]:
    """Open a page in headless Chromium, run a script in it, and return the page's text."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if chromium is None:
        pytest.skip("Chromium is not installed")

    def open_page(file: Path, script: str = "", choice: str = "") -> str:
        driven = file.with_name("driven.html")
        driven.write_text(file.read_text("utf-8").replace("</body>", f"<script>{{{script}}}</script></body>"), "utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        options += [f"--user-data-dir={file.parent / 'user'}", "--enable-logging=stderr", "--dump-dom"]
        command = [chromium, *options, f"{driven.as_uri()}#{choice}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert "CONSOLE" not in result.stderr
        return result.stdout

    return open_page
