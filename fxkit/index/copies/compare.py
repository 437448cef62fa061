"""Compare two films: register one to the other by their keypoints, and measure how similar they are in the overlap."""

from dataclasses import dataclass

import cv2
import numpy as np

from fxkit.index.copies.features import Features, Picture
from fxkit.index.copies.likeness import Matrix, band, measure_likeness, ranks_of, shown_of

# Raise this when `compare_films` returns other evidence, even if the cause is in likeness.py: caches then drop theirs.
EVIDENCE_VERSION = 1

LEAST_POINTS = 6  # common keypoints; an affine map needs three

RATIO = 0.9  # a match is clear if its distance is below this fraction of the distance to the second best match

NEAR_PX = (6.0, 4.0, 3.0)  # distance within which keypoints count as common, for each refinement of the map

NARROWEST = 0.4  # least ratio of the two scales of the map

SCALES = (0.25, 4.0)  # range of the two scales of the map

FINE_PX = (0.6, 6.0)  # widths of the blurs whose difference is registered, at half size

PLAIN = 0.9  # correlation of detail above which no finer registration is needed

# Films with a lower correlation of detail than HOPELESS and fewer common keypoints than FEW_POINTS are not similar.
HOPELESS, FEW_POINTS = 0.1, 12

SHIFT_PX = 40  # most that the finer registration may move a corner; a larger shift is a wrong registration


@dataclass(frozen=True)
class Evidence:
    """How similar two films are. A place is a square of the picture, 16 px wide; see likeness.py.

    Attributes:
        points: number of common keypoints, which agree with one affine map.
        share: fraction of the clear keypoint matches that agree with the map.
        rank: absolute Spearman correlation of the grey values in places with structure; any change of contrast
            leaves it at 1.
        detail: correlation of fine detail in the median place, with places weighted by their structure. Films of the
            same anatomy have a lower value than copies, and a marker affects only its own places.
        agreeing: fraction of the structure in the overlap that agrees; small if only the edges of plates agree.
        places: number of places with structure, as a sum of weights.
        overlap: fraction of the smaller film that lies in the overlap.
        inverted: whether one film is the negative of the other.
        matrix: affine map from pixels of the first picture to pixels of the second.
        enlarged: side of the picture divided by the side of the film, for the smaller film. A much enlarged film has
            only coarse detail, which looks alike on many films.
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
        """Whether one film is the mirror image of the other."""
        (a, b, _), (c, d, _) = self.matrix
        return a * d - b * c < 0


def compare_films(first: Features, second: Features) -> Evidence | None:
    """Register the first film to the second and measure their similarity.

    Returns:
        None if they share too few keypoints or overlap too little.
    """
    registered = _register_points(first, second)
    if registered is None:
        return None
    matrix, points, share = registered
    shrinks = abs(np.linalg.det(matrix[:, :2])) <= 1  # always scale down, as scaling up would invent detail
    one, other = (first.picture, second.picture) if shrinks else (second.picture, first.picture)
    there = matrix if shrinks else cv2.invertAffineTransform(matrix)
    seen = measure_likeness(one, other, there)
    if seen is None or (points < FEW_POINTS and seen.detail < HOPELESS):
        return None
    finer = None if seen.detail > PLAIN else _refine(one, other, there, inverted=seen.rank < 0)
    if finer is not None:
        better = measure_likeness(one, other, finer)
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


def _register_points(first: Features, second: Features) -> tuple[Matrix, int, float] | None:
    """Return the affine map, the number of common keypoints, and the fraction of clear matches that agree with it."""
    if min(len(first.points), len(second.points)) < LEAST_POINTS:
        return None
    similarity = first.descriptors.astype(np.float32) @ second.descriptors.T.astype(np.float32) / np.float32(255**2)
    there, back = similarity.argmax(1), similarity.argmax(0)
    mutual = np.flatnonzero(back[there] == np.arange(len(there)))
    best = np.sqrt(np.maximum(2 - 2 * np.partition(similarity, -2, axis=1)[:, -2:], 0))
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
    """Refine the registration on fine detail, at half size.

    Returns:
        None if the refinement fails or moves a corner by more than SHIFT_PX.


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
    refined = np.column_stack([warp[:, :2], warp[:, 2] * 2]).astype(np.float64)
    h, w = other.shape
    corners = np.array([(0, 0, 1), (w, 0, 1), (w, h, 1), (0, h, 1)], np.float64)
    if np.abs(corners @ (refined - start).T).max() > SHIFT_PX:
        return None
    return np.asarray(cv2.invertAffineTransform(refined), np.float64)
