"""Fingerprint of a film: what recognises a copy of it after the film itself is gone, in about 2.5 kB.

A fingerprint holds the places of a film's strongest keypoints and a coarse description of each, and no grey values. A
run keeps those of its films, so that `fxkit evaluate --data` finds copies of training films in other data.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fxkit.index.copies.features import SIDE_PX, Picture, detect, picture_of

# Raise this when `fingerprint_of` returns other values for the same film: stored fingerprints are then computed again.
FINGERPRINT_VERSION = 1

KEPT = 128  # keypoints of a fingerprint

LIMIT = 3  # highest sum of the three frequencies of a coefficient that is kept; 30 of 128 are

STEP = 0.06  # of the coefficients, which are kept in 4 bits

MEAN_LEVEL = 0.7  # taken off the coefficient of frequency 0, which is above 0 for all descriptors

PLACE_STEPS = 65_535 / (SIDE_PX + 64)  # steps in a pixel; keypoints may lie a little outside the picture

SIZE_STEPS = 32  # steps in a factor of e of the diameter of a keypoint

LEAST_POINTS = 6  # common keypoints; an affine map needs three

COARSE_PX, STRETCH = 6.0, 0.2  # distance within which keypoints agree with one match: a constant, and a part that grows

NEAR_PX = (8.0, 5.0, 3.0, 2.0, 2.0)  # distance within which keypoints are common, for each refinement of the map

NEAR_ANGLE, NEAR_SIZE = 0.35, 0.4  # radians; natural logarithm of the ratio of diameters

NARROWEST = 0.4  # least ratio of the two scales of the map

# Common keypoints from which two films are copies in any case. Of 769 x 769 films of one hospital, those that are not
# copies have at most 40: two exposures of one hand.
CERTAIN = 41

DOUBTFUL = 8  # common keypoints from which the films themselves are compared, if they are still there

# Common keypoints, and their root mean squared distance from the map, from which two films are copies if one of them is
# not there any more.
COPIES, EXACT_PX = 20, 1.0

# The same if the map is upright, to this tolerance. Scratches, dust and the rim of an imaging plate lie at the same
# places on all its films: up to 22 keypoints.
UPRIGHT_COPIES, UPRIGHT = 28, 0.01


Values = NDArray[np.float64]


def _build_transform() -> Values:
    """Return the (K, 128) orthonormal rows that give the kept coefficients of a descriptor.

    A descriptor has 4 rows, 4 columns and 8 directions. The result holds products of cosines over its rows and
    columns, and of harmonics over its directions.
    """
    cosines = np.cos(np.pi / 4 * np.outer(np.arange(4), np.arange(4) + 0.5))
    turns = 2 * np.pi / 8 * np.outer(np.arange(8), np.arange(8))
    harmonics = np.where(np.arange(8)[:, None] <= 4, np.cos(turns), np.sin(turns))
    waves = np.kron(np.kron(cosines, cosines), harmonics)
    ways = np.minimum(np.arange(8), 8 - np.arange(8))
    sums = np.add.outer(np.add.outer(np.arange(4), np.arange(4)), ways).ravel()
    kept = waves[sums <= LIMIT]
    return np.asarray(kept / np.linalg.norm(kept, axis=1, keepdims=True), np.float64)


TRANSFORM = _build_transform()

CODE_BYTES = len(TRANSFORM) // 2


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The fingerprint of one film, as it is stored.

    Attributes:
        places: (n, 2) uint16, x and y of each keypoint in steps of 1 / PLACE_STEPS px, the strongest first.
        shapes: (n, 2) uint8, logarithm of the diameter in steps of 1 / SIZE_STEPS, and direction in 1 / 256 of a turn.
        codes: (n, CODE_BYTES) uint8, two coefficients of the descriptor in each byte.
    """

    places: NDArray[np.uint16]
    shapes: NDArray[np.uint8]
    codes: NDArray[np.uint8]

    @cached_property
    def unit_descriptors(self) -> NDArray[np.float32]:
        """(n, 128) approximations of the descriptors, of length 1."""
        steps = np.stack([self.codes // 16, self.codes % 16], axis=2).reshape(len(self.codes), -1).astype(np.float64)
        coefficients = (steps - 8) * STEP
        coefficients[:, 0] += MEAN_LEVEL
        descriptors = np.maximum(coefficients @ TRANSFORM, 0)
        lengths = np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-9)
        return np.asarray(descriptors / lengths, np.float32)

    @property
    def descriptors(self) -> NDArray[np.uint8]:
        """(n, 128) uint8 approximations of the descriptors, as `find_candidates` takes them."""
        return np.round(255 * self.unit_descriptors).astype(np.uint8)


def fingerprint_of(image: Picture) -> Fingerprint:
    """Compute the fingerprint of a film, (H, W) uint8."""
    keypoints, descriptors = detect(picture_of(image))
    keypoints, descriptors = keypoints[:KEPT].astype(np.float64), descriptors[:KEPT]
    places = np.clip(np.round((keypoints[:, :2] + 32) * PLACE_STEPS), 0, 65_535).astype(np.uint16)
    sizes = np.clip(np.round(np.log(np.maximum(keypoints[:, 2], 1)) * SIZE_STEPS), 0, 255)
    directions = np.round(keypoints[:, 3] / 360 * 256) % 256
    coefficients = (descriptors / 255) @ TRANSFORM.T
    coefficients[:, 0] -= MEAN_LEVEL
    steps = (np.clip(np.round(coefficients / STEP), -8, 7) + 8).astype(np.uint8)
    return Fingerprint(
        places, np.column_stack([sizes, directions]).astype(np.uint8), steps[:, ::2] * 16 + steps[:, 1::2]
    )


@dataclass(frozen=True, eq=False)
class _Matches:
    """Keypoints of two films that are each other's best match.

    Attributes:
        first, second: (m,) places as complex numbers, in pixels.
        first_angles, second_angles: (m,) directions in radians.
        ratios: (m,) natural logarithm of the ratio of their diameters, second to first.
    """

    first: NDArray[np.complex128]
    second: NDArray[np.complex128]
    first_angles: Values
    second_angles: Values
    ratios: Values


@dataclass(frozen=True)
class Agreement:
    """How well the fingerprints of two films agree with one affine map of the films.

    Attributes:
        points: common keypoints: they match, and their places, directions and diameters agree with the map.
        error_px: root of the mean squared distance of the common keypoints from the map.
        is_upright: whether the map keeps the scale and turns by a multiple of 90 degrees at most, perhaps with a mirror
            image, as between two films of one imaging plate.
    """

    points: int
    error_px: float = 0.0
    is_upright: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether the films are copies, without a look at the films."""
        least = UPRIGHT_COPIES if self.is_upright else COPIES
        return self.points >= CERTAIN or (self.points >= least and self.error_px < EXACT_PX)


def compare_fingerprints(first: Fingerprint, second: Fingerprint) -> Agreement:
    """Find the affine map of two films that most of their keypoints agree with.

    Turned, mirrored, inverted, cropped and squeezed copies have many common keypoints; films of the same anatomy have
    few.
    """
    matches = _match(first, second)
    if matches is None:
        return Agreement(0)
    starts = (_agreeing_with_one(matches, mirrored, half) for mirrored in (False, True) for half in (0.0, np.pi))
    common, half = max(starts, key=lambda start: int(start[0].sum()))
    return _refine(matches, common, half)


def _match(first: Fingerprint, second: Fingerprint) -> _Matches | None:
    if min(len(first.codes), len(second.codes)) < LEAST_POINTS:
        return None
    similarity = first.unit_descriptors @ second.unit_descriptors.T
    there, back = similarity.argmax(1), similarity.argmax(0)
    i = np.flatnonzero(back[there] == np.arange(len(there)))
    j = there[i]
    if len(i) < LEAST_POINTS:
        return None
    return _Matches(
        _complex(first.places[i]),
        _complex(second.places[j]),
        first.shapes[i, 1] / 256 * 2 * np.pi,
        second.shapes[j, 1] / 256 * 2 * np.pi,
        (second.shapes[j, 0].astype(np.float64) - first.shapes[i, 0]) / SIZE_STEPS,
    )


def _complex(places: NDArray[np.uint16]) -> NDArray[np.complex128]:
    return np.asarray(places / PLACE_STEPS @ np.array([1, 1j]), np.complex128)


def _agreeing_with_one(matches: _Matches, mirrored: bool, half: float) -> tuple[NDArray[np.bool_], float]:
    """Return the largest set of matches that agree with the turn and scale of one of them, and `half`.

    Args:
        mirrored: whether one film is the mirror image of the other.
        half: pi if one film is the negative of the other, whose keypoints point the opposite way; else 0.
    """
    first = matches.first.conj() if mirrored else matches.first
    turns = matches.second_angles - (-matches.first_angles if mirrored else matches.first_angles) + half
    maps = np.exp(matches.ratios + 1j * turns)
    expected = maps[:, None] * (first[None] - first[:, None])
    found = matches.second[None] - matches.second[:, None]
    agree = np.abs(expected - found) < COARSE_PX + STRETCH * np.abs(found)
    agree &= np.abs(matches.ratios[None] - matches.ratios[:, None]) < 0.5
    agree &= np.abs(_wrap(turns[None] - turns[:, None])) < 0.5
    return agree[agree.sum(1).argmax()], half


def _refine(matches: _Matches, common: NDArray[np.bool_], half: float) -> Agreement:
    """Fit an affine map to the common matches, again and again, and count those that agree with it in the end."""
    source = np.column_stack([matches.first.real, matches.first.imag, np.ones(len(matches.first))])
    target = np.column_stack([matches.second.real, matches.second.imag])
    ways = np.column_stack([np.cos(matches.first_angles), np.sin(matches.first_angles)])
    for near in NEAR_PX:
        if common.sum() < LEAST_POINTS:
            return Agreement(int(common.sum()))
        matrix = np.linalg.lstsq(source[common], target[common], rcond=None)[0]
        large, small = np.linalg.svd(matrix[:2], compute_uv=False)
        if small < NARROWEST * large or small < 1e-6:
            return Agreement(0)
        turned = ways @ matrix[:2]
        angles = np.arctan2(turned[:, 1], turned[:, 0]) - matches.second_angles + half
        errors = np.linalg.norm(source @ matrix - target, axis=1)
        common = errors < near
        common &= np.abs(_wrap(angles)) < NEAR_ANGLE
        common &= np.abs(matches.ratios - np.log(large * small) / 2) < NEAR_SIZE
    if not common.any():
        return Agreement(0)
    parts = np.sort(np.abs(matrix[:2]), axis=1)
    is_upright = bool(np.all(np.abs(parts - (0, 1)) < UPRIGHT))
    return Agreement(int(common.sum()), float(np.sqrt(np.mean(errors[common] ** 2))), is_upright)


def _wrap(angles: Values) -> Values:
    """Return angles in radians between -pi and pi."""
    return (angles + np.pi) % (2 * np.pi) - np.pi
