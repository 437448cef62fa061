"""The synthetic films as training data, tiny settings, and a training that stops early."""

from pathlib import Path

import pytest

from fxkit.config import Config, load_config
from fxkit.data.manifest import Record
from fxkit.index.build import Index
from fxkit.training.history import History

Source = tuple[Path, tuple[Record, ...]]


@pytest.fixture(scope="session")
def source(indexed: Index) -> Source:
    """Root and records of the synthetic films."""
    return indexed.root, indexed.records


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
