"""What a film is recognised by: a small picture, and points whose descriptors no turn, flip or inversion alters."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Raise this when `features_of` returns other values for the same film: caches then drop their features, and what was
# computed from them. tests/fxkit/index/copies/test_versions.py fails until both agree.
FEATURES_VERSION = 1

SIDE_PX = 320  # longest side of the picture

POINTS = 400  # the strongest

LEAST_CONTRAST = 0.01  # of a point; films are faint, and contrast is evened first

CLIP, TILES = 3.0, (6, 6)  # of the evening


Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Features:
    """A film as it is compared.

    Args:
        picture: (h, w) uint8, its longest side SIDE_PX.
        points: (n, 2) float32, x and y in pixels of the picture, the strongest first.
        descriptors: (n, 128) uint8, square roots of SIFT's, in the form of `canonical`.
        enlarged: how many times larger than the film the picture is.
    """

    picture: Picture
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    enlarged: float


def features_of(image: Picture) -> Features:
    """Take the features of an (H, W) uint8 film.

    Source: Lowe 2004, "Distinctive image features from scale-invariant keypoints"; Arandjelovic and Zisserman 2012,
    "Three things everyone should know to improve object retrieval" (square roots).
    """
    picture, enlarged = picture_of(image), _enlargement(image)
    even = cv2.createCLAHE(CLIP, TILES).apply(picture)
    sift = cv2.SIFT.create(nfeatures=POINTS, contrastThreshold=LEAST_CONTRAST, edgeThreshold=12)
    found, raw = sift.detectAndCompute(even, None)
    if raw is None:
        return Features(picture, np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8), enlarged)
    order = np.argsort([-point.response for point in found], kind="stable")[:POINTS]
    points = np.array([found[index].pt for index in order], np.float32)
    raw = raw[order]
    rooted = np.sqrt(raw / np.maximum(raw.sum(1, keepdims=True), 1e-9))
    return Features(picture, points, np.round(255 * canonical(rooted)).astype(np.uint8), enlarged)


def picture_of(image: Picture) -> Picture:
    """Scale an (H, W) uint8 film so that its longer side is SIDE_PX."""
    scale = _enlargement(image)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = [max(8, round(side * scale)) for side in image.shape[::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def _enlargement(image: Picture) -> float:
    return float(SIDE_PX / max(image.shape))


def canonical(descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring (n, 128) SIFT descriptors into the one of four forms that the film, its mirror image, its negative and
    the mirrored negative share.

    A descriptor is 4 rows x 4 columns x 8 directions about the point's own direction. A negative reverses that
    direction and so both rows and columns; a mirror image reverses the rows and the directions' sense. Of the four
    forms the one is taken whose mass lies in the left columns and the upper rows.
    """
    cells = descriptors.reshape(-1, 4, 4, 8).copy()
    right = cells[:, :, 2:].sum((1, 2, 3)) > cells[:, :, :2].sum((1, 2, 3))
    cells[right] = cells[right][:, ::-1, ::-1]
    low = cells[:, 2:].sum((1, 2, 3)) > cells[:, :2].sum((1, 2, 3))
    cells[low] = cells[low][:, ::-1][..., -np.arange(8) % 8]
    return np.asarray(cells.reshape(-1, 128), np.float32)
