"""Prediction of single image files: order, batches, unreadable files, cleaning, decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fxkit.config import DataConfig
from fxkit.data.manifest import usable
from fxkit.data.preprocessing import Preprocessing
from fxkit.models.predict_images import BATCH, build_cleaner, decide, predict_images
from fxkit.models.predict_records import TorchNetwork, predict_records
from fxkit.models.run_folder import Run
from fxkit.models.saved import Model
from preprocess.images import write_image
from preprocess.settings import CleanSettings

from .conftest import with_card

SMALL = Preprocessing(8, "stretch", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Brightness:
    """A network with known predictions: p(bright) is the film's mean grey value."""

    classes: tuple[str, ...] = ("dark", "bright")
    preprocessing: Preprocessing = SMALL
    cleaning: Mapping[str, Any] | None = None
    threshold: float = 0.5
    batches: list[int] = field(default_factory=list)

    @property
    def card(self) -> "Brightness":
        return self

    def probabilities(self, films: np.ndarray) -> np.ndarray:
        self.batches.append(len(films))
        bright = films.mean((1, 2)) / 255
        return np.stack([1 - bright, bright], axis=1)


def on_cpu(model: Model) -> TorchNetwork:
    return TorchNetwork(model, torch.device("cpu"))


def test_files_are_predicted_in_order_and_in_batches(tmp_path: Path) -> None:
    paths = [tmp_path / f"{grey:03}.png" for grey in range(0, 250, 5)]
    for grey, path in zip(range(0, 250, 5), paths, strict=True):
        write_image(path, np.full((9, 11), grey, np.uint8))
    (tmp_path / "020.png").write_bytes(b"")
    network = Brightness()
    predictions = predict_images(network, paths)
    assert [p.path for p in predictions] == [str(path) for path in paths]
    assert [p.path for p in predictions if p.error] == [str(tmp_path / "020.png")]
    assert [p.probabilities[1] * 255 for p in predictions if not p.error] == pytest.approx(
        [grey for grey in range(0, 250, 5) if grey != 20]
    )
    assert [p.decision for p in predictions][:1] + [p.decision for p in predictions][-1:] == ["dark", "bright"]
    assert network.batches == [BATCH - 1, BATCH, BATCH, len(paths) - 3 * BATCH]


def test_a_batch_of_unreadable_files_does_not_run_the_network(tmp_path: Path) -> None:
    network = Brightness()
    predictions = predict_images(network, [tmp_path / "none.png"])
    assert "cannot be read" in predictions[0].error
    assert network.batches == []


def test_too_large_files_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.zeros((9, 11), np.uint8))
    assert (
        "9 = 99 pixels, more than the limit of 98"
        in predict_images(Brightness(), [tmp_path / "a.png"], max_pixels=98)[0].error
    )


def test_single_files_and_manifest_rows_are_predicted_alike(trained: Run, model: Model) -> None:
    records = usable(trained.records, "test")[:3]
    rows = predict_records(model, trained.root, records, DataConfig(workers=0))
    single = predict_images(on_cpu(model), [trained.root / r.path for r in records])
    assert np.allclose([s.probabilities for s in single], rows.probabilities, atol=1e-5)
    assert all(s.markers is None and not s.error for s in single)


@pytest.mark.parametrize(("threshold", "decision"), [(0.3, "fractured"), (0.4, "fractured"), (0.41, "not_fractured")])
def test_the_threshold_applies_to_the_positive_class(model: Model, threshold: float, decision: str) -> None:
    assert decide(with_card(model, threshold=threshold), np.array([0.6, 0.4])) == decision


def test_the_most_probable_of_many_classes_is_predicted(model: Model) -> None:
    assert decide(with_card(model, classes=("a", "b", "c"), bias=()), np.array([0.2, 0.5, 0.3])) == "b"


def test_a_model_trained_on_raw_films_has_no_cleaner(model: Model) -> None:
    assert build_cleaner(model) is None


def test_a_film_with_too_large_markers_gets_an_error(trained: Run) -> None:
    marked = next(r for r in trained.records if r.path.endswith("1.png"))
    network = Brightness(cleaning=CleanSettings(read_text=False, min_confidence=0.0, max_fraction=0.0).model_dump())
    prediction = predict_images(network, [trained.root / marked.path])[0]
    assert prediction.error.startswith(f"{trained.root / marked.path}: ")
    assert prediction.probabilities == ()


@pytest.mark.slow
def test_films_are_cleaned_for_a_model_trained_on_cleaned_films(trained: Run, model: Model) -> None:
    cleaning = CleanSettings(read_text=False).model_dump()
    marked = next(r for r in trained.records if r.path.endswith("1.png"))
    path = trained.root / marked.path
    network = on_cpu(with_card(model, cleaning=cleaning))
    assert predict_images(network, [path])[0].markers is not None
    assert predict_images(network, [path], raw=True)[0].markers is None
