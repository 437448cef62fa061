"""Tell how alike two films are where one lies on the other: grey values by their ranks, detail place by place."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.index.copies.features import Picture

Matrix = NDArray[np.float64]  # (2, 3), from pixels of one picture to those of another

Values = NDArray[np.float32]


LEAST_OVERLAP_PX = 2000  # pixels that both films show

CUT = (3, 252)  # grey values beyond are the black (or, inverted, white) that fills turned films' corners

BAND_PX = (1.5, 5.0)  # detail: what a blur of the second width takes away after the first

PLACE_PX = 16  # side of the squares in each of which the detail's correlation is taken

LEAST_SHOWN = 0.3  # share of such a square that both films show

LEAST_WEIGHT = 0.25  # of places whose grey values are ranked: those of bare ground rank by chance, or by a marker

TURNING = 8.0  # an eighth of the gradient along the edges counts in full

AGREES = 0.5  # detail's correlation where films agree: grey values are ranked there, if the median place is such

FLOOR, NOISE = 0.25, 4.0  # variance of detail, in grey values squared: no less is told; half a place's weight is lost

STRANGE = 3.0  # times the films' usual ratio of detail's variance, from which on places are taken for a marker's

NARROW = 0.5  # places, by which those that agree spread least: a row of them is an edge


@dataclass(frozen=True)
class Likeness:
    """What two films laid on each other show, as in `Evidence`; rank is below 0 where one is the other's negative."""

    rank: float
    detail: float
    agreeing: float
    places: float
    overlap: float


def likeness(one: Picture, other: Picture, matrix: Matrix) -> Likeness | None:
    """Tell how alike the films, (h, w) uint8, are where both show; None if that is small.

    Args:
        matrix: from pixels of the one to those of the other.
    """
    size = other.shape[::-1]
    laid = cv2.warpAffine(one, matrix, size, flags=cv2.INTER_LINEAR)
    own = cv2.warpAffine(shown_of(one).astype(np.float32), matrix, size)
    both = np.asarray(cv2.erode(((own > 0.95) & shown_of(other)).astype(np.uint8), np.ones((3, 3))), bool)
    if both.sum() < LEAST_OVERLAP_PX:
        return None
    laid = np.asarray(laid, np.uint8)
    detail, others = (band(picture.astype(np.float32), both, BAND_PX) for picture in (laid, other))
    alike, weights, structure = _in_places(detail, others, both)
    rank = _rank(laid, other, both, weights > LEAST_WEIGHT)
    middle = _median(alike, weights)
    sign = -1.0 if (middle if abs(middle) > AGREES else rank) < 0 else 1.0
    if sign * middle > AGREES:  # a marker over the anatomy has grey values of its own, and its places do not agree
        rank = sign * abs(_rank(laid, other, both, (weights > LEAST_WEIGHT) & (sign * alike > AGREES)))
    smaller = min(float(shown_of(other).sum()), float(own.sum()))
    agreeing = agreeing_share(np.where(sign * alike > AGREES, weights, 0), structure)
    overlap = float(both.sum() / max(smaller, 1.0))
    return Likeness(rank, sign * middle, agreeing, float(weights.sum()), overlap)


def agreeing_share(weights: Values, structure: float) -> float:
    """Return the share of the films' structure that lies in the places that agree; 0 if those lie in one row.

    Args:
        weights: (h, w) weights of the places, 0 for those that do not agree.
        structure: what all places would weigh.
    """
    if not weights.any():
        return 0.0
    places = np.indices(weights.shape).reshape(2, -1)
    narrowest = np.linalg.eigvalsh(np.cov(places, aweights=weights.ravel(), ddof=0))[0]
    return float(weights.sum() / structure) if narrowest > NARROW**2 else 0.0


def _rank(one: Picture, other: Picture, both: NDArray[np.bool_], places: NDArray[np.bool_]) -> float:
    """Return Spearman's correlation of grey values in these places, or in all where they are too few."""
    shown = both & _pixels(places, both.shape)
    shown = shown if shown.sum() >= LEAST_OVERLAP_PX else both
    return correlation(ranks_of(one, shown)[shown], ranks_of(other, shown)[shown])


def _in_places(one: Values, other: Values, both: NDArray[np.bool_]) -> tuple[Values, Values, float]:
    """Return the correlation of two films' detail in each place, the place's weight, 0 to 1, and what the places would
    weigh together if both films had the structure of either.

    Places weigh by how far their detail stands above noise in both films: bone counts, and empty ground does not.
    """
    inner = cv2.erode(both.astype(np.uint8), np.ones((5, 5))).astype(np.float32)
    one, other = one * inner, other * inner
    shown = _means(inner)
    most = np.maximum(shown, np.float32(LEAST_SHOWN))
    first, second, product = (_means(values) / most for values in (one * one, other * other, one * other))
    alike = product / np.sqrt((first + FLOOR) * (second + FLOOR))
    turning = _turning(other)
    first, second = first * turning, second * turning
    one_stands, other_stands = first / (first + NOISE), second / (second + NOISE)
    shown = np.asarray(np.where(shown > LEAST_SHOWN, shown, 0), np.float32)
    weights = shown * one_stands * other_stands
    under_marker = weights * _strange(first, second, weights)
    structure = shown * np.maximum(one_stands, other_stands) - under_marker
    return np.asarray(alike, np.float32), weights - under_marker, float(structure.sum())


def _strange(first: Values, second: Values, weights: Values) -> Values:
    """Return of each place, 0 to 1, how far one film has more detail there than is usual between the two: a marker."""
    ratio = np.log((first + FLOOR) / (second + FLOOR))
    beyond = np.exp(np.abs(ratio - np.float32(_median(ratio, weights))))
    return np.asarray(1 - np.minimum(1, STRANGE / beyond) ** 2, np.float32)


def _turning(detail: Values) -> Values:
    """Return of each place, 0 to 1, how far its detail varies along its edges too.

    A straight edge is like any other, and plates' edges lie on all films of a scanner.
    """
    across, down = cv2.Sobel(detail, cv2.CV_32F, 1, 0), cv2.Sobel(detail, cv2.CV_32F, 0, 1)
    xx, yy, xy = _means(across * across), _means(down * down), _means(across * down)
    total = np.maximum(xx + yy, 1e-6)
    weaker = (total - np.sqrt((xx - yy) ** 2 + 4 * xy**2)) / 2
    return np.asarray(np.minimum(1, weaker / total * TURNING), np.float32)


def _median(values: Values, weights: Values) -> float:
    order = np.argsort(values, axis=None)
    reached = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(reached, reached[-1] / 2)])


def _pixels(places: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Give every pixel of an array of this shape the value of its place."""
    return places.repeat(PLACE_PX, 0).repeat(PLACE_PX, 1)[: shape[0], : shape[1]]


def _means(values: Values) -> Values:
    """Take the mean of each place of an (H, W) array; what is missing of the last ones counts as 0."""
    h, w = values.shape
    whole = cv2.copyMakeBorder(values, 0, -h % PLACE_PX, 0, -w % PLACE_PX, cv2.BORDER_CONSTANT, value=0)
    size = (whole.shape[1] // PLACE_PX, whole.shape[0] // PLACE_PX)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)


def shown_of(picture: Picture) -> NDArray[np.bool_]:
    """Return, (h, w), where a picture shows the film, and no corner filled with black or white."""
    return (picture > CUT[0]) & (picture < CUT[1])


def ranks_of(picture: Picture, shown: NDArray[np.bool_]) -> Values:
    """Replace each grey value of (h, w) by its rank among those shown, 0 to 1."""
    counts = np.bincount(picture[shown], minlength=256)
    ranks = (np.cumsum(counts) - counts / 2) / max(1, counts.sum())
    return np.asarray(ranks[picture], np.float32)


def band(values: Values, shown: NDArray[np.bool_], widths_px: tuple[float, float]) -> Values:
    """Take the detail of (h, w) grey values between blurs of two widths, of what is shown alone."""
    both = np.dstack([values * shown, shown.astype(np.float32)])  # one blur for both
    finer, coarser = (cv2.GaussianBlur(both, (0, 0), width) for width in widths_px)
    return _over(finer) - _over(coarser)


def _over(blurred: Values) -> Values:
    return np.asarray(blurred[..., 0] / np.maximum(blurred[..., 1], np.float32(1e-3)), np.float32)


def correlation(a: Values, b: Values) -> float:
    """Return Pearson's correlation of two (n,) arrays; 0 where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / spread) if spread > 1e-9 else 0.0
