"""Maps of any model by occlusion: parts of the film are covered in turn, and the model predicts each covered film."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from fxkit.data.preprocessing import Grey, Preprocessing
from fxkit.explain.mapper import Heat, Mapped
from fxkit.metrics.predictions import decisions
from fxkit.metrics.scores import Floats
from fxkit.models.given.open import OpenedModel
from fxkit.models.predict_images import predict_films

PATCHES = 8  # covered patches beside each other along a side

STEPS = 2 * PATCHES - 1  # positions along a side: a patch moves by half of its side

MAP_PX = 224  # side of the map

SMALLEST = 1e-6  # probabilities of 0 and 1 have infinite log-odds

Span = tuple[int, int]  # start and end, px


@dataclass(frozen=True)
class OcclusionMapper:
    """Maps a film by what covering its parts takes from the log-odds of the class.

    A patch is an eighth of the film's height and width. It is filled with the median grey level of a frame around it,
    so that a letter on a dark ground disappears, and nothing new appears. A place's heat is the mean loss over the
    patches that cover it; gains count as 0. The model predicts 226 films for each map.

    Source: Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks".
    """

    model: OpenedModel

    method: ClassVar[str] = "occlusion"
    layer: ClassVar[str] = ""
    preprocessing: ClassVar[Preprocessing] = Preprocessing(MAP_PX, "stretch", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    cells: ClassVar[tuple[int, int]] = (STEPS, STEPS)
    resolution: ClassVar[str] = (
        f"the map has {STEPS} x {STEPS} cells: patches of 1/{PATCHES} of the film's height and width are covered in "
        "turn, each half a patch further"
    )

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the model."""
        return self.model.classes

    def map(self, film: Grey, index: int | None = None) -> Mapped:
        """Map a film; see `Mapper`."""
        probabilities = predict_films(self.model.network, [film])
        index = int(decisions(probabilities, self.model.threshold)[0]) if index is None else index
        rows, columns = (_spans(side) for side in film.shape)
        losses = np.array([self._losses(film, row, columns, float(probabilities[0, index]), index) for row in rows])
        heat, covered = np.zeros(film.shape), np.zeros(film.shape)
        for row, of_row in zip(rows, np.maximum(losses, 0), strict=True):
            for column, loss in zip(columns, of_row, strict=True):
                window = (slice(*row), slice(*column))
                heat[window] += loss
                covered[window] += 1
        return Mapped(probabilities[0], index, _scale(heat / np.maximum(covered, 1)))

    def _losses(self, film: Grey, row: Span, columns: list[Span], before: float, index: int) -> Floats:
        """Return the log-odds that are lost by covering each patch of a row of patches."""
        covered = [cover(film, row, column) for column in columns]
        return np.asarray(_log_odds(before) - _log_odds(predict_films(self.model.network, covered)[:, index]))


def _spans(side: int) -> list[Span]:
    """Return the patches along a side in pixels, each at least 1 px."""
    length = max(1, round(side / PATCHES))
    starts = np.linspace(0, max(0, side - length), STEPS).round().astype(int)
    return [(int(start), int(start) + length) for start in starts]


def cover(film: Grey, row: Span, column: Span) -> Grey:
    """Fill a patch of a film with the median grey level of the frame around it, a quarter of the patch wide."""
    (top, bottom), (left, right) = row, column
    down, across = max(1, (bottom - top) // 4), max(1, (right - left) // 4)
    frame = np.zeros(film.shape, bool)
    frame[max(0, top - down) : bottom + down, max(0, left - across) : right + across] = True
    frame[top:bottom, left:right] = False
    covered: Grey = film.copy()
    covered[top:bottom, left:right] = np.uint8(np.median(film[frame])) if frame.any() else 0
    return covered


def _log_odds(probability: float | Floats) -> Floats:
    return np.asarray(logit(np.clip(probability, SMALLEST, 1 - SMALLEST)))


def _scale(heat: NDArray[np.float64]) -> Heat:
    """Return the map at its size, with a maximum of 1; a map without any loss stays 0."""
    scaled = cv2.resize(heat, (MAP_PX, MAP_PX), interpolation=cv2.INTER_AREA if min(heat.shape) > MAP_PX else 1)
    most = float(scaled.max())
    return np.asarray(scaled / most if most > 0 else scaled, np.float32)
