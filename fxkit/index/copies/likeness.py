"""Measure how similar two registered films are: grey values by their ranks, fine detail place by place.

A place is a square of the picture with sides of PLACE_PX.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.index.copies.features import Picture

Matrix = NDArray[np.float64]  # (2, 3), from pixels of one picture to pixels of another

Values = NDArray[np.float32]


LEAST_OVERLAP_PX = 2000  # area, in pixels, that both films must show

CUT = (3, 252)  # grey values up to 3 and from 252 are the fill in the corners of turned films, black or inverted

BAND_PX = (1.5, 5.0)  # detail is the difference of two blurs with these widths

PLACE_PX = 16  # side of the squares in which detail is correlated

LEAST_SHOWN = 0.3  # fraction of a place that both films must show

LEAST_WEIGHT = 0.25  # only places above it are ranked; an empty background ranks by chance, or by a marker on it

EDGE_GAIN = 8.0  # a place counts fully if the weaker direction has an eighth of its gradient energy

AGREES = 0.5  # correlation of detail above which a place agrees

FLOOR = 0.25  # added to the variance of detail, in squared grey values; keeps the correlation of flat places near 0

NOISE = 4.0  # variance of detail, in squared grey values, at which a place has half its weight

UNUSUAL_RATIO = 3.0  # a place may hold a marker if its variance ratio is so many times the usual one

LEAST_SPREAD = 0.5  # least spread of the agreeing places, in places; a single row of them is an edge


@dataclass(frozen=True)
class Likeness:
    """The similarity of two registered films; fields as in `Evidence`. A negative has a rank below 0."""

    rank: float
    detail: float
    agreeing: float
    places: float
    overlap: float


def measure_likeness(one: Picture, other: Picture, matrix: Matrix) -> Likeness | None:
    """Measure how similar two films, (h, w) uint8, are where they overlap.

    Args:
        matrix: affine map from pixels of `one` to pixels of `other`.
    Returns:
        None if the overlap is smaller than LEAST_OVERLAP_PX.
    """
    size = other.shape[::-1]
    registered = cv2.warpAffine(one, matrix, size, flags=cv2.INTER_LINEAR)
    one_shown = cv2.warpAffine(shown_of(one).astype(np.float32), matrix, size)
    both = np.asarray(cv2.erode(((one_shown > 0.95) & shown_of(other)).astype(np.uint8), np.ones((3, 3))), bool)
    if both.sum() < LEAST_OVERLAP_PX:
        return None
    registered = np.asarray(registered, np.uint8)
    detail, others = (band(picture.astype(np.float32), both, BAND_PX) for picture in (registered, other))
    correlations, weights, structure = _in_places(detail, others, both)
    rank = _rank(registered, other, both, weights > LEAST_WEIGHT)
    middle = _median(correlations, weights)
    sign = -1.0 if (middle if abs(middle) > AGREES else rank) < 0 else 1.0
    if sign * middle > AGREES:  # leave out markers: their places do not agree
        rank = sign * abs(_rank(registered, other, both, (weights > LEAST_WEIGHT) & (sign * correlations > AGREES)))
    smaller = min(float(shown_of(other).sum()), float(one_shown.sum()))
    agreeing = agreeing_share(np.where(sign * correlations > AGREES, weights, 0), structure)
    overlap = float(both.sum() / max(smaller, 1.0))
    return Likeness(rank, sign * middle, agreeing, float(weights.sum()), overlap)


def agreeing_share(weights: Values, structure: float) -> float:
    """Return the fraction of the structure that is in places where the two films agree; 0 if these form a single row.

    Args:
        weights: (h, w) weight of each place; 0 where the films do not agree.
        structure: total weight of all places, whether the films agree there or not.
    """
    if not weights.any():
        return 0.0
    places = np.indices(weights.shape).reshape(2, -1)
    narrowest = np.linalg.eigvalsh(np.cov(places, aweights=weights.ravel(), ddof=0))[0]
    return float(weights.sum() / structure) if narrowest > LEAST_SPREAD**2 else 0.0


def _rank(one: Picture, other: Picture, both: NDArray[np.bool_], places: NDArray[np.bool_]) -> float:
    """Return Spearman's correlation of the grey values in some places, or in the whole overlap if they are too few."""
    shown = both & _pixels(places, both.shape)
    shown = shown if shown.sum() >= LEAST_OVERLAP_PX else both
    return correlation(ranks_of(one, shown)[shown], ranks_of(other, shown)[shown])


def _in_places(one: Values, other: Values, both: NDArray[np.bool_]) -> tuple[Values, Values, float]:
    """Correlate the detail of two films in each place.

    Returns:
        The correlation of each place; the weight of each place, 0 to 1; and the sum of the weights that would result
        if both films had, in each place, the detail of the film that has more. A weight says how far the detail of both
        films is above noise, so that bone counts and an empty background does not.
    """
    inner = cv2.erode(both.astype(np.uint8), np.ones((5, 5))).astype(np.float32)
    one, other = one * inner, other * inner
    shown = _means(inner)
    most = np.maximum(shown, np.float32(LEAST_SHOWN))
    first, second, product = (_means(values) / most for values in (one * one, other * other, one * other))
    correlations = product / np.sqrt((first + FLOOR) * (second + FLOOR))
    turning = _variation_along_edges(other)
    first, second = first * turning, second * turning
    one_stands, other_stands = first / (first + NOISE), second / (second + NOISE)
    shown = np.asarray(np.where(shown > LEAST_SHOWN, shown, 0), np.float32)
    weights = shown * one_stands * other_stands
    under_marker = weights * _marker_likeness(first, second, weights)
    structure = shown * np.maximum(one_stands, other_stands) - under_marker
    return np.asarray(correlations, np.float32), weights - under_marker, float(structure.sum())


def _marker_likeness(first: Values, second: Values, weights: Values) -> Values:
    """Return how likely each place is to show a marker, 0 to 1: only one of the films has much detail there."""
    ratio = np.log((first + FLOOR) / (second + FLOOR))
    beyond = np.exp(np.abs(ratio - np.float32(_median(ratio, weights))))
    return np.asarray(1 - np.minimum(1, UNUSUAL_RATIO / beyond) ** 2, np.float32)


def _variation_along_edges(detail: Values) -> Values:
    """Return how much the detail of each place varies along its edges, 0 to 1.

    Straight edges get a low value, because they prove nothing: they all look alike, and the edges of plates are on
    every film of a scanner.
    """
    across, down = cv2.Sobel(detail, cv2.CV_32F, 1, 0), cv2.Sobel(detail, cv2.CV_32F, 0, 1)
    xx, yy, xy = _means(across * across), _means(down * down), _means(across * down)
    total = np.maximum(xx + yy, 1e-6)
    weaker = (total - np.sqrt((xx - yy) ** 2 + 4 * xy**2)) / 2
    return np.asarray(np.minimum(1, weaker / total * EDGE_GAIN), np.float32)


def _median(values: Values, weights: Values) -> float:
    order = np.argsort(values, axis=None)
    reached = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(reached, reached[-1] / 2)])


def _pixels(places: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Expand a value for each place to an array of pixels with a given shape."""
    return places.repeat(PLACE_PX, 0).repeat(PLACE_PX, 1)[: shape[0], : shape[1]]


def _means(values: Values) -> Values:
    """Return the mean of an (H, W) array in each place; pixels beyond its border count as 0."""
    h, w = values.shape
    whole = cv2.copyMakeBorder(values, 0, -h % PLACE_PX, 0, -w % PLACE_PX, cv2.BORDER_CONSTANT, value=0)
    size = (whole.shape[1] // PLACE_PX, whole.shape[0] // PLACE_PX)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)


def shown_of(picture: Picture) -> NDArray[np.bool_]:
    """Return a mask, (h, w), of the pixels that show the film, without corners filled with black or white."""
    return (picture > CUT[0]) & (picture < CUT[1])


def ranks_of(picture: Picture, shown: NDArray[np.bool_]) -> Values:
    """Replace each grey value of a picture, (h, w), by its rank among the shown pixels, 0 to 1."""
    counts = np.bincount(picture[shown], minlength=256)
    ranks = (np.cumsum(counts) - counts / 2) / max(1, counts.sum())
    return np.asarray(ranks[picture], np.float32)


def band(values: Values, shown: NDArray[np.bool_], widths_px: tuple[float, float]) -> Values:
    """Return the detail of grey values, (h, w): the difference of two blurs. Only shown pixels enter the blurs."""
    both = np.dstack([values * shown, shown.astype(np.float32)])  # so that one call blurs both
    finer, coarser = (cv2.GaussianBlur(both, (0, 0), width) for width in widths_px)
    return _over(finer) - _over(coarser)


def _over(blurred: Values) -> Values:
    return np.asarray(blurred[..., 0] / np.maximum(blurred[..., 1], np.float32(1e-3)), np.float32)


def correlation(a: Values, b: Values) -> float:
    """Return Pearson's correlation of two arrays, (n,); 0 if one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / spread) if spread > 1e-9 else 0.0
