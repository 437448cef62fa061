"""Compare two films: lay one on the other by their common points, and tell how alike they are where both show."""

from dataclasses import dataclass

import cv2
import numpy as np

from fxkit.index.copies.features import Features, Picture
from fxkit.index.copies.likeness import Matrix, band, likeness, ranks_of, shown_of

# Raise this when `compare` returns other evidence, also where the cause lies in likeness.py: caches then drop theirs.
EVIDENCE_VERSION = 1

LEAST_POINTS = 6  # common ones: an affine map takes three

RATIO = 0.9  # of a point's best to its second best match, for those that the map is sought by

NEAR_PX = (6.0, 4.0, 3.0)  # within which points count as common, from the first map to the last

NARROWEST = 0.4  # least ratio of the map's scales along its two axes, ...

SCALES = (0.25, 4.0)  # ... and their range

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
        agreeing: share of the structure of either film, where both show, that agrees: edges of plates alone are little.
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
    agreeing: float
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
    seen = likeness(one, other, there)
    if seen is None or (points < FEW_POINTS and seen.detail < HOPELESS):
        return None
    finer = None if seen.detail > PLAIN else _refine(one, other, there, inverted=seen.rank < 0)
    if finer is not None:
        better = likeness(one, other, finer)
        if better is not None and better.detail > seen.detail:
            seen, there = better, finer
    whole = there if shrinks else cv2.invertAffineTransform(there)
    rows = tuple(tuple(float(value) for value in row) for row in whole)
    enlarged = max(first.enlarged, second.enlarged)
    return Evidence(
        points,
        share,
        abs(seen.rank),
        seen.detail,
        seen.agreeing,
        seen.places,
        seen.overlap,
        seen.rank < 0,
        rows,
        enlarged,
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


def _refine(one: Picture, other: Picture, matrix: Matrix, inverted: bool) -> Matrix | None:
    """Register more finely, on detail, at half size; None where that fails or leads elsewhere.

    Source: Evangelidis and Psarakis 2008, "Parametric image alignment using enhanced correlation coefficient".
    """
    halves = [cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for picture in (one, other)]
    seen, still_seen = (shown_of(np.asarray(half, np.uint8)) for half in halves)
    moving, still = (
        np.where(shown, band(ranks_of(np.asarray(half, np.uint8), shown), shown, FINE_PX), 0).astype(np.float32)
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
