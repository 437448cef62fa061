"""Test-time augmentation: average the predictions for mirrored and rotated views that the training also used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fxkit.data.preprocessing import Grey
from fxkit.errors import ConfigError
from fxkit.models.predict_images import Floats, Network, NetworkCard

if TYPE_CHECKING:
    from fxkit.config import Config


KINDS = ("flips", "turns", "both")


@dataclass(frozen=True)
class View:
    """One way to show a film to the network: flips, then a rotation."""

    mirrored: bool = False  # left and right exchanged
    upside_down: bool = False  # top and bottom exchanged
    turn_deg: float = 0.0  # counter-clockwise, after the flips

    @property
    def name(self) -> str:
        """The view in words; metrics.json stores it."""
        parts = ["mirrored"] * self.mirrored + ["upside down"] * self.upside_down
        parts += [f"turned by {self.turn_deg:g} degrees"] if self.turn_deg else []
        return " and ".join(parts) or "as it is"


def apply_view(films: Grey, view: View) -> Grey:
    """Return a view of (N, S, S) uint8 films; the corners that a rotation uncovers are black, as in training."""
    films = films[:, :: -1 if view.upside_down else 1, :: -1 if view.mirrored else 1]
    if not view.turn_deg:
        return np.ascontiguousarray(films)
    size = films.shape[-1]
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2,) * 2, view.turn_deg, 1.0)
    return np.stack([cv2.warpAffine(np.ascontiguousarray(film), matrix, (size, size)) for film in films])


@dataclass(frozen=True)
class AveragedNetwork:
    """A network that averages its probabilities over views of each film."""

    network: Network
    views: Sequence[View]

    @property
    def card(self) -> NetworkCard:
        return self.network.card

    def probabilities(self, films: Grey) -> Floats:
        """Return (N, C) probabilities of (N, S, S) films at the network's size."""
        parts = [self.network.probabilities(apply_view(films, view)) for view in self.views]
        return np.asarray(np.mean(parts, axis=0), np.float64)


def select_views(config: "Config", kind: str) -> tuple[View, ...]:
    """Return the views to average: the unchanged film first, then only views that the training's augmentation used.

    Args:
        kind: flips: each flip of the augmentation, and both flips together if it used both. turns: rotations by
            half the augmentation's largest angle, either way. both: every rotation of every flip.
    Raises:
        ConfigError: the training used no such views; averaging them would lower the accuracy.
    """
    augment = config.augment
    mirrored = [False, True] if augment.horizontal_flip > 0 else [False]
    upside_down = [False, True] if augment.vertical_flip > 0 else [False]
    half_deg = augment.rotate_deg / 2 if augment.rotate_probability > 0 else 0.0
    turns = [0.0, half_deg, -half_deg] if half_deg else [0.0]
    flips = [(m, u) for u in upside_down for m in mirrored]
    augmented = _trained_on_augmented_films(config)
    if kind in ("flips", "both") and not (augmented and len(flips) > 1):
        raise ConfigError(_unseen_views(kind, "mirrored", "augment.horizontal_flip or augment.vertical_flip"))
    if kind in ("turns", "both") and not (augmented and half_deg):
        raise ConfigError(_unseen_views(kind, "rotated", "augment.rotate_deg"))
    if kind == "turns":
        flips = flips[:1]
    return tuple(View(m, u, turn) for turn in (turns[:1] if kind == "flips" else turns) for m, u in flips)


def select_views_of_run(model: str | Path, kind: str) -> tuple[View, ...]:
    """Return the views to average for a run folder, as `select_views` does. Needs no torch.

    Raises:
        ConfigError: `model` is not a run folder, or the training used no such views.
    """
    from fxkit.models.run_folder import read_run_config

    path = Path(model) / "config.yaml"
    if not path.is_file():
        raise ConfigError(
            f"--tta {kind}: {model} does not say which views its training used; give the run folder, and --engine onnx "
            "or openvino to use its export"
        )
    return select_views(read_run_config(path), kind)


def describe_views(views: Sequence[View]) -> str:
    """Return one line that lists the averaged views."""
    return f"averaged over {len(views)} views of each film: {', '.join(view.name for view in views)}"


def _trained_on_augmented_films(config: "Config") -> bool:
    """Tell whether the training used augmented films. The first epoch of a probe uses the films unchanged."""
    head_epochs, finetune_epochs = config.optim.epochs
    only_unchanged = config.optim.head == "probe" and head_epochs <= 1 and finetune_epochs == 0
    return config.augment.enabled and not only_unchanged


def _unseen_views(kind: str, views: str, settings: str) -> str:
    return (
        f"--tta {kind}: this model was not trained on {views} films, and averaging over them would lower its accuracy; "
        f"leave out --tta, or train with {settings} above 0 and augmented films"
    )
