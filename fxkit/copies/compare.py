"""Compare two films: lay one on the other by their common points, and tell how alike they are where both show."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.copies.features import Features, Picture

Matrix = NDArray[np.float64]  # (2, 3), from pixels of one picture to those of another
Values = NDArray[np.float32]

LEAST_POINTS = 6  # common ones: an affine map takes three
RATIO = 0.9  # of a point's best to its second best match, for those that the map is sought by
NEAR_PX = (6.0, 4.0, 3.0)  # within which points count as common, from the first map to the last
LEAST_OVERLAP_PX = 2000  # pixels that both films show
NARROWEST = 0.4  # least ratio of the map's scales along its two axes, ...
SCALES = (0.25, 4.0)  # ... and their range
CUT = (3, 252)  # grey values beyond are the black (or, inverted, white) that fills turned films' corners
BAND_PX = (1.5, 5.0)  # detail: what a blur of the second width takes away after the first
PLACE_PX = 16  # side of the squares in each of which the detail's correlation is taken
LEAST_SHOWN = 0.3  # share of such a square that both films show
LEAST_WEIGHT = 0.25  # of places whose grey values are ranked: those of bare ground rank by chance, or by a marker
TURNING = 8.0  # an eighth of the gradient along the edges counts in full
AGREES = 0.5  # detail's correlation where films agree: grey values are ranked there, if the median place is such
FLOOR, NOISE = 0.25, 4.0  # variance of detail, in grey values squared: no less is told; half a place's weight is lost
FINE_PX = (0.6, 6.0)  # the detail that finer registration goes by, at half size
PLAIN, HOPELESS = 0.9, 0.1  # detail's correlation, beyond which finer registration is needless, or, with ...
FEW_POINTS = 12  # ... fewer common points than these, idle
SHIFT_PX = 40  # by which the fine registration may move a corner: more is another place


@dataclass(frozen=True)
class Evidence:
    """How alike two films are.

    Args:
        points: common points that agree with one affine map.
        share: of the clear matches of points, those that agree with the map.
        rank: Spearman's correlation of the grey values where both show structure, by its amount: 1 for any change of
            contrast.
        detail: correlation of the finer detail in the median place, places weighed by their structure: likeness of
            anatomy alone leaves it lower, and a marker laid on speaks for its own place alone.
        places: how many places hold structure.
        overlap: share of the smaller film that both show.
        inverted: one is the negative of the other.
        matrix: from pixels of the first film's picture to those of the second's.
        enlarged: how many times larger than the films the pictures are, that of the smaller film: what looks like
            detail of a much enlarged one is coarse, and alike on more films.
    """

    points: int
    share: float
    rank: float
    detail: float
    places: float
    overlap: float
    inverted: bool
    matrix: tuple[tuple[float, ...], ...]
    enlarged: float

    @property
    def mirrored(self) -> bool:
        """One is the mirror image of the other."""
        (a, b, _), (c, d, _) = self.matrix
        return a * d - b * c < 0


def compare(first: Features, second: Features) -> Evidence | None:
    """Lay the first film on the second; None where they share too few points or too little of the picture."""
    found = _map_between(first, second)
    if found is None:
        return None
    matrix, points, share = found
    shrinks = abs(np.linalg.det(matrix[:, :2])) <= 1  # the larger view is brought to the smaller: nothing is made up
    one, other = (first.picture, second.picture) if shrinks else (second.picture, first.picture)
    there = matrix if shrinks else cv2.invertAffineTransform(matrix)
    seen = _likeness(one, other, there)
    if seen is None or (points < FEW_POINTS and seen.detail < HOPELESS):
        return None
    finer = None if seen.detail > PLAIN else _refine(one, other, there, inverted=seen.rank < 0)
    if finer is not None:
        better = _likeness(one, other, finer)
        if better is not None and better.detail > seen.detail:
            seen, there = better, finer
    whole = there if shrinks else cv2.invertAffineTransform(there)
    rows = tuple(tuple(float(value) for value in row) for row in whole)
    enlarged = max(first.enlarged, second.enlarged)
    return Evidence(
        points, share, abs(seen.rank), seen.detail, seen.places, seen.overlap, seen.rank < 0, rows, enlarged
    )


def _map_between(first: Features, second: Features) -> tuple[Matrix, int, float] | None:
    """Return the affine map by the common points, how many they are, and their share of the clear matches."""
    if min(len(first.points), len(second.points)) < LEAST_POINTS:
        return None
    alike = first.descriptors.astype(np.float32) @ second.descriptors.T.astype(np.float32) / np.float32(255**2)
    there, back = alike.argmax(1), alike.argmax(0)
    mutual = np.flatnonzero(back[there] == np.arange(len(there)))
    best = np.sqrt(np.maximum(2 - 2 * np.partition(alike, -2, axis=1)[:, -2:], 0))
    clear = (best[:, 1] / np.maximum(best[:, 0], 1e-6))[mutual] < RATIO
    source, target = first.points[mutual].astype(np.float64), second.points[there[mutual]].astype(np.float64)
    if clear.sum() < LEAST_POINTS:
        return None
    matrix, _ = cv2.estimateAffine2D(
        source[clear], target[clear], method=cv2.RANSAC, ransacReprojThreshold=5, maxIters=1500, confidence=0.99
    )
    for near in NEAR_PX:
        if matrix is None:
            return None
        off = np.linalg.norm(source @ matrix[:, :2].T + matrix[:, 2] - target, axis=1)
        common = off < near
        if common.sum() < LEAST_POINTS:
            return None
        matrix = np.linalg.lstsq(np.column_stack([source, np.ones(len(source))])[common], target[common])[0].T
    scales = np.linalg.svd(matrix[:, :2], compute_uv=False)
    if scales[1] < NARROWEST * scales[0] or scales[0] > SCALES[1] or scales[1] < SCALES[0]:
        return None
    off = np.linalg.norm(source @ matrix[:, :2].T + matrix[:, 2] - target, axis=1)
    return matrix, int(common.sum()), float((off[clear] < NEAR_PX[-1]).mean())


def _shown(picture: Picture) -> NDArray[np.bool_]:
    return (picture > CUT[0]) & (picture < CUT[1])


@dataclass(frozen=True)
class _Likeness:
    rank: float  # below 0 where one is the other's negative
    detail: float
    places: float
    overlap: float


def _likeness(one: Picture, other: Picture, matrix: Matrix) -> _Likeness | None:
    """Tell how alike the films are where both show; None if that is small."""
    size = other.shape[::-1]
    laid = cv2.warpAffine(one, matrix, size, flags=cv2.INTER_LINEAR)
    own = cv2.warpAffine(_shown(one).astype(np.float32), matrix, size)
    both = np.asarray(cv2.erode(((own > 0.95) & _shown(other)).astype(np.uint8), np.ones((3, 3))), bool)
    if both.sum() < LEAST_OVERLAP_PX:
        return None
    laid = np.asarray(laid, np.uint8)
    detail, others = (_band(picture.astype(np.float32), both, BAND_PX) for picture in (laid, other))
    alike, weights = _in_places(detail, others, both)
    rank = _rank(laid, other, both, weights > LEAST_WEIGHT)
    middle = _median(alike, weights)
    sign = -1.0 if (middle if abs(middle) > AGREES else rank) < 0 else 1.0
    if sign * middle > AGREES:  # a marker over the anatomy has grey values of its own, and its places do not agree
        rank = sign * abs(_rank(laid, other, both, (weights > LEAST_WEIGHT) & (sign * alike > AGREES)))
    smaller = min(float(_shown(other).sum()), float(own.sum()))
    return _Likeness(rank, sign * middle, float(weights.sum()), float(both.sum() / max(smaller, 1.0)))


def _rank(one: Picture, other: Picture, both: NDArray[np.bool_], places: NDArray[np.bool_]) -> float:
    """Return Spearman's correlation of grey values in these places, or in all where they are too few."""
    shown = both & _pixels(places, both.shape)
    shown = shown if shown.sum() >= LEAST_OVERLAP_PX else both
    return correlation(_ranks(one, shown)[shown], _ranks(other, shown)[shown])


def _in_places(one: Values, other: Values, both: NDArray[np.bool_]) -> tuple[Values, Values]:
    """Return the correlation of two films' detail in each place, and the place's weight, 0 to 1.

    Places weigh by how far their detail stands above noise in both films: bone counts, and empty ground does not.
    """
    inner = cv2.erode(both.astype(np.uint8), np.ones((5, 5))).astype(np.float32)
    one, other = one * inner, other * inner
    shown = _means(inner)
    first, second, product = (
        _means(values) / np.maximum(shown, LEAST_SHOWN) for values in (one * one, other * other, one * other)
    )
    alike = product / np.sqrt((first + FLOOR) * (second + FLOOR))
    turning = _turning(other)
    first, second = first * turning, second * turning
    weights = shown * first / (first + NOISE) * second / (second + NOISE)
    return np.asarray(alike, np.float32), np.asarray(np.where(shown > LEAST_SHOWN, weights, 0), np.float32)


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


def _ranks(picture: Picture, shown: NDArray[np.bool_]) -> Values:
    """Replace each grey value by its rank among those shown, 0 to 1."""
    counts = np.bincount(picture[shown], minlength=256)
    ranks = (np.cumsum(counts) - counts / 2) / max(1, counts.sum())
    return np.asarray(ranks[picture], np.float32)


def _band(values: Values, shown: NDArray[np.bool_], widths_px: tuple[float, float]) -> Values:
    """Take the detail between two widths of what is shown alone."""
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


def _refine(one: Picture, other: Picture, matrix: Matrix, inverted: bool) -> Matrix | None:
    """Register more finely, on detail, at half size; None where that fails or leads elsewhere.

    Source: Evangelidis and Psarakis 2008, "Parametric image alignment using enhanced correlation coefficient".
    """
    halves = [cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for picture in (one, other)]
    seen, still_seen = (_shown(np.asarray(half, np.uint8)) for half in halves)
    moving, still = (
        np.where(shown, _band(_ranks(np.asarray(half, np.uint8), shown), shown, FINE_PX), 0).astype(np.float32)
        for half, shown in zip(halves, (seen, still_seen), strict=True)
    )
    start = cv2.invertAffineTransform(matrix)
    warp = np.column_stack([start[:, :2], start[:, 2] / 2]).astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 25, 1e-4)
    try:
        _, warp = cv2.findTransformECC(
            still, -moving if inverted else moving, warp, cv2.MOTION_AFFINE, criteria, seen.astype(np.uint8), 3
        )
    except cv2.error:
        return None  # it did not converge
    found = np.column_stack([warp[:, :2], warp[:, 2] * 2]).astype(np.float64)
    h, w = other.shape
    corners = np.array([(0, 0, 1), (w, 0, 1), (w, h, 1), (0, h, 1)], np.float64)
    if np.abs(corners @ (found - start).T).max() > SHIFT_PX:
        return None
    return np.asarray(cv2.invertAffineTransform(found), np.float64)
