"""Averaging at test time: a network judges a film mirrored and turned too, but only as its training showed films."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fxkit.data.preprocessing import Grey
from fxkit.errors import ConfigError
from fxkit.models.predict_images import Card, Floats, Network

if TYPE_CHECKING:
    from fxkit.config import Config


KINDS = ("flips", "turns", "both")


@dataclass(frozen=True)
class View:
    mirrored: bool = False  # left and right exchanged
    upside_down: bool = False  # top and bottom exchanged
    turn_deg: float = 0.0  # counter-clockwise, after both

    def of(self, films: Grey) -> Grey:
        """Return this view of (N, S, S) uint8 films; what a turn uncovers is black, as in training."""
        films = films[:, :: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]
        if not self.turn_deg:
            return np.ascontiguousarray(films)
        size = films.shape[-1]
        matrix = cv2.getRotationMatrix2D(((size - 1) / 2,) * 2, self.turn_deg, 1.0)
        return np.stack([cv2.warpAffine(np.ascontiguousarray(film), matrix, (size, size)) for film in films])

    @property
    def name(self) -> str:
        told = ["mirrored"] * self.mirrored + ["upside down"] * self.upside_down
        told += [f"turned by {self.turn_deg:g} degrees"] if self.turn_deg else []
        return " and ".join(told) or "as it is"


@dataclass(frozen=True)
class Averaged:
    """A network whose probabilities are the mean over views of a film."""

    network: Network
    views: Sequence[View]

    @property
    def card(self) -> Card:
        return self.network.card

    def probabilities(self, films: Grey) -> Floats:
        """Return (N, C) probabilities of (N, S, S) films at the network's size."""
        parts = [self.network.probabilities(view.of(films)) for view in self.views]
        return np.asarray(np.mean(parts, axis=0), np.float64)


def views_of(config: "Config", kind: str) -> tuple[View, ...]:
    """Return the views to average, the film as it is first: only such as this training's augmentation held.

    flips: each mirroring that was drawn, and both at once where both were. turns: by half the largest angle that was
    drawn, either way. both: every turn of every flip.

    Raises:
        ConfigError: the training showed no such views; averaging them would cost accuracy.
    """
    augment = config.augment
    mirrors = [False, True][: 2 if augment.horizontal_flip > 0 else 1]
    falls = [False, True][: 2 if augment.vertical_flip > 0 else 1]
    half = augment.rotate_deg / 2 if augment.rotate_probability > 0 else 0.0
    turns = [0.0, half, -half][: 3 if half else 1]
    flips = [(m, f) for f in falls for m in mirrors]
    seen = _saw_augmented(config)
    if kind in ("flips", "both") and not (seen and len(flips) > 1):
        raise ConfigError(_unseen(kind, "mirrored", "augment.horizontal_flip or augment.vertical_flip"))
    if kind in ("turns", "both") and not (seen and half):
        raise ConfigError(_unseen(kind, "turned", "augment.rotate_deg"))
    if kind == "turns":
        flips = flips[:1]
    return tuple(View(m, f, turn) for turn in (turns[:1] if kind == "flips" else turns) for m, f in flips)


def views_of_run(model: str | Path, kind: str) -> tuple[View, ...]:
    """Return the views of a run folder, as `views_of` does; needs no torch.

    Raises:
        ConfigError: it is an exported file, which does not tell what its training showed, or as `views_of`.
    """
    from fxkit.config import Config
    from preprocess.yaml_files import check_settings, read_yaml

    path = Path(model) / "config.yaml"
    if not path.is_file():
        raise ConfigError(
            f"--tta {kind}: {model} does not tell which views its training showed; expected a run folder, which may "
            "run its export by --engine onnx or openvino"
        )
    return views_of(check_settings(Config, read_yaml(path), str(path)), kind)


def describe(views: Sequence[View]) -> str:
    """Say in a line which views are averaged."""
    return f"averaged over {len(views)} views of each film: {', '.join(view.name for view in views)}"


def _saw_augmented(config: "Config") -> bool:
    """Tell whether training drew views: a probe's first pass shows the films as they are."""
    first, finetune = config.optim.epochs
    drawn = first > 1 or finetune > 0 if config.optim.head == "probe" else True
    return config.augment.enabled and drawn


def _unseen(kind: str, how: str, settings: str) -> str:
    return (
        f"--tta {kind}: this model's training showed no {how} films, and averaging what it has not seen makes it "
        f"worse; leave --tta out, or train with {settings} above 0 and augmented views"
    )
