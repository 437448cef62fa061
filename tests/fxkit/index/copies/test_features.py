"""Keypoints and descriptors are the same for all copies of a film; a blank film has none."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from fxkit.index.copies.features import POINTS, SIDE_PX, features_of, picture_of

Film = NDArray[np.uint8]
Films = Callable[[int], Film]


def shared(one: Film, other: Film) -> float:
    """Return the fraction of the first film's descriptors that have a close match in the second film."""
    a, b = (features_of(film).descriptors.astype(np.float32) / 255 for film in (one, other))
    return float(((a @ b.T).max(1) > 0.95).mean())


@pytest.mark.parametrize(
    "change",
    [
        lambda film: np.rot90(film),
        lambda film: film[:, ::-1],
        lambda film: 255 - film,
        lambda film: 255 - np.rot90(film[::-1], 3),
    ],
    ids=["turned", "mirrored", "inverted", "all"],
)
def test_a_changed_film_keeps_its_descriptors(films: Films, change: Callable[[Film], Film]) -> None:
    film = films(0)
    assert shared(film, np.ascontiguousarray(change(film))) > 0.6
    assert shared(film, np.ascontiguousarray(change(films(1)))) < 0.2


def test_features_have_the_documented_shapes_and_ranges(films: Films) -> None:
    features = features_of(films(2))
    count = len(features.points)
    assert 50 < count <= POINTS
    assert features.points.shape == (count, 2)
    assert features.descriptors.shape == (count, 128)
    assert (features.points.dtype, features.descriptors.dtype) == (np.float32, np.uint8)
    assert max(features.picture.shape) == SIDE_PX
    assert features.enlarged == SIDE_PX / max(films(2).shape)
    assert (features.points >= 0).all()
    assert (features.points <= SIDE_PX).all()


@pytest.mark.parametrize("shape", [(200, 200), (1, 1), (1, 500)])
def test_a_blank_film_has_no_keypoints(shape: tuple[int, int]) -> None:
    features = features_of(np.full(shape, 90, np.uint8))
    assert features.points.shape == (0, 2)
    assert features.descriptors.shape == (0, 128)


def test_pictures_keep_their_aspect_ratio() -> None:
    assert picture_of(np.zeros((640, 320), np.uint8)).shape == (SIDE_PX, SIDE_PX // 2)
    assert picture_of(np.zeros((40, 80), np.uint8)).shape == (SIDE_PX // 2, SIDE_PX)
    assert picture_of(np.zeros((5000, 10), np.uint8)).shape == (SIDE_PX, 8)
