"""Features to recognise copies of a film by: a small picture, and keypoints with invariant descriptors.

The descriptors stay the same when a film is rotated, mirrored or inverted.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Raise this when `features_of` returns other values for the same film: caches then drop their features, and what was
# computed from them. tests/fxkit/index/copies/test_versions.py fails until both agree.
FEATURES_VERSION = 1

SIDE_PX = 320  # longest side of the picture

POINTS = 400  # the strongest keypoints are kept

LEAST_CONTRAST = 0.01  # contrast threshold of SIFT; low, as films are faint even after equalisation

CLIP, TILES = 3.0, (6, 6)  # of the contrast-limited histogram equalisation (CLAHE)


Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Features:
    """The features of one film.

    Attributes:
        picture: (h, w) uint8; the longest side is SIDE_PX.
        points: (n, 2) float32, x and y of the keypoints in pixels of the picture, the strongest first.
        descriptors: (n, 128) uint8, square roots of SIFT descriptors, in the form that `canonical` returns.
        enlarged: side of the picture divided by the side of the film.
    """

    picture: Picture
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    enlarged: float


def features_of(image: Picture) -> Features:
    """Compute the features of a film, (H, W) uint8.

    Source: Lowe 2004, "Distinctive image features from scale-invariant keypoints"; Arandjelovic and Zisserman 2012,
    "Three things everyone should know to improve object retrieval" (square roots).
    """
    picture = picture_of(image)
    keypoints, descriptors = detect(picture)
    return Features(picture, keypoints[:, :2], descriptors, _enlargement(image))


def detect(picture: Picture) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the POINTS strongest keypoints of a picture and their descriptors, the strongest first.

    Returns:
        (n, 4) float32: x, y and diameter in pixels of the picture, and the direction in degrees; and (n, 128) uint8,
        see `Features`.
    """
    equalised = cv2.createCLAHE(CLIP, TILES).apply(picture)
    sift = cv2.SIFT.create(nfeatures=POINTS, contrastThreshold=LEAST_CONTRAST, edgeThreshold=12)
    keypoints, raw = sift.detectAndCompute(equalised, None)
    if raw is None:
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8)
    order = np.argsort([-point.response for point in keypoints], kind="stable")[:POINTS]
    places = [(*keypoints[index].pt, keypoints[index].size, keypoints[index].angle) for index in order]
    raw = raw[order]
    rooted = np.sqrt(raw / np.maximum(raw.sum(1, keepdims=True), 1e-9))
    return np.array(places, np.float32), np.round(255 * canonical(rooted)).astype(np.uint8)


def picture_of(image: Picture) -> Picture:
    """Scale a film, (H, W) uint8, so that its longer side is SIDE_PX."""
    scale = _enlargement(image)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = [max(8, round(side * scale)) for side in image.shape[::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def _enlargement(image: Picture) -> float:
    return float(SIDE_PX / max(image.shape))


def canonical(descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring SIFT descriptors, (n, 128), into a form that a film shares with its mirror image and its negative.

    A descriptor has 4 rows, 4 columns and 8 directions, relative to the direction of its keypoint. In a negative the
    keypoint points the opposite way, so rows and columns are reversed. In a mirror image the rows and the order of the
    directions are reversed. Together that makes four forms. This function returns the form with most of its mass in
    the left columns and the upper rows.
    """
    cells = descriptors.reshape(-1, 4, 4, 8).copy()
    right = cells[:, :, 2:].sum((1, 2, 3)) > cells[:, :, :2].sum((1, 2, 3))
    cells[right] = cells[right][:, ::-1, ::-1]
    low = cells[:, 2:].sum((1, 2, 3)) > cells[:, :2].sum((1, 2, 3))
    cells[low] = cells[low][:, ::-1][..., -np.arange(8) % 8]
    return np.asarray(cells.reshape(-1, 128), np.float32)
