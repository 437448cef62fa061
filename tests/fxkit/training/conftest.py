"""The synthetic films as training data, tiny settings, and a training that stops early."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from fxkit.config import Config, load_config
from fxkit.data.manifest import Record
from fxkit.index import fingerprints
from fxkit.index.build import Index
from fxkit.index.copies.fingerprint import Fingerprint
from fxkit.training.history import History
from preprocess.files import FileState, file_state

Source = tuple[Path, tuple[Record, ...]]


@pytest.fixture(scope="session")
def source(made_index: Index) -> Source:
    """Root and records of the synthetic films."""
    return made_index.root, made_index.records


@pytest.fixture(scope="session", autouse=True)
def fingerprints_of_a_file_are_computed_once() -> Iterator[None]:
    """Keep the fingerprint of each film between trainings, which would otherwise take longer than the training."""
    read = fingerprints._read_fingerprint

    @cache
    def read_once(file: Path, max_pixels: int, _state: FileState) -> Fingerprint | None:
        return read(file, max_pixels)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprints, "_read_fingerprint", lambda file, px: read_once(file, px, file_state(file)))
        yield


def settings(*texts: str) -> Config:
    """Return the tiny preset with images of 64 px and the given settings."""
    return load_config("tiny", ["data.image_size=64", *texts])


def stop_training_after(patch: pytest.MonkeyPatch, epochs: int) -> None:
    """Stop the training with SystemExit after so many epochs."""
    original, seen = History.on_train_epoch_end, []

    def stop(self: History, trainer: object, learner: object) -> None:
        original(self, trainer, learner)  # type: ignore[arg-type]
        seen.append(1)
        if len(seen) == epochs:
            raise SystemExit("killed")

    patch.setattr(History, "on_train_epoch_end", stop)
