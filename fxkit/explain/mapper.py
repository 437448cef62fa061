"""What computes the maps: of a network in torch by gradients, of any model by covering parts of the film."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Grey, Preprocessing
from fxkit.metrics.scores import Floats

Heat = NDArray[np.float32]

METHODS = ("grad-cam", "grad-cam++", "hirescam", "layercam", "eigencam")  # by gradients, of networks in torch


@dataclass(frozen=True, eq=False)
class Mapped:
    """The prediction and the map of one film.

    Attributes:
        probabilities: (C,) float64.
        index: class that the map shows.
        heat: (S, S) float32 from 0 to 1.
    """

    probabilities: Floats
    index: int
    heat: Heat


class Mapper(Protocol):
    """Computes the map of a film.

    Attributes:
        classes: C names.
        preprocessing: how the film lies in the map, (S, S).
        method, layer, resolution: what the result says about the maps; the layer is "" without gradients.
        cells: rows and columns of the map before it was enlarged.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def preprocessing(self) -> Preprocessing: ...
    @property
    def method(self) -> str: ...
    @property
    def layer(self) -> str: ...
    @property
    def resolution(self) -> str: ...
    @property
    def cells(self) -> tuple[int, int]: ...

    def map(self, film: Grey, index: int | None = None) -> Mapped:
        """Map a film, (H, W) uint8, for a class; None: for the predicted one."""
