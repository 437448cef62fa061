"""The output of each copies algorithm on fixed films, beside the version that a cache is marked with.

When a test here fails because the algorithm was changed on purpose, raise its version constant and write the new
version and the new values into the test. Otherwise users' caches would mix the old output with the new.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray

from fxkit.index.copies.candidates import CANDIDATES_VERSION, find_candidates
from fxkit.index.copies.compare import EVIDENCE_VERSION, compare_films
from fxkit.index.copies.features import FEATURES_VERSION, Features, features_of

CHANGED = "the output of this algorithm changed: raise its version constant, and put the new values into this test"


@pytest.fixture(scope="module")
def features(films: Callable[[int], NDArray[np.uint8]]) -> list[Features]:
    """Three unrelated films, a mirrored and turned copy of the first film, and a crop of it."""
    first = films(0)
    turned, crop = np.rot90(first)[::-1], first[60:260, 40:200]
    return [features_of(np.ascontiguousarray(film)) for film in (first, films(1), films(2), turned, crop)]


def test_features_belong_to_their_version(features: list[Features]) -> None:
    first, crop = features[0], features[4]
    values = [len(first.points), first.points[0, 0], first.points[1, 1], first.descriptors.mean(), first.picture.mean()]
    assert values == pytest.approx([400, 144.46, 244.32, 17.895, 113.390], rel=1e-3), CHANGED
    assert first.descriptors[0, :8] == pytest.approx(np.array([16, 13, 6, 4, 4, 18, 40, 29]), abs=2), CHANGED
    assert first.picture[100, 50:58] == pytest.approx(np.array([103, 98, 93, 91, 92, 94, 92, 87]), abs=1), CHANGED
    assert crop.enlarged == pytest.approx(1.6), CHANGED
    assert FEATURES_VERSION == 1, CHANGED


def test_candidates_belong_to_their_version(features: list[Features]) -> None:
    pairs = find_candidates(film.descriptors for film in features[:4])
    assert [pair[:2] for pair in pairs[:2]] == [(0, 3), (1, 2)], CHANGED
    votes = sorted(weight for *_, weight in pairs)
    assert votes == pytest.approx([159.10, 160.46, 160.98, 162.85, 200.09, 635.99], rel=1e-2), CHANGED
    assert CANDIDATES_VERSION == 1, CHANGED


def test_evidence_belongs_to_its_version(features: list[Features]) -> None:
    turned, crop = (compare_films(features[0], copy) for copy in features[3:])
    assert turned is not None
    assert crop is not None
    expected = {"points": 374, "share": 1.0, "rank": 0.99996, "detail": 0.9963, "agreeing": 0.9388, "places": 281.79}
    values = asdict(turned)
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-2), CHANGED
    assert turned.mirrored
    expected = {"points": 72, "share": 0.6699, "rank": 0.9994, "detail": 0.9948, "agreeing": 0.9336, "places": 111.68}
    values = asdict(crop)
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=3e-2), CHANGED
    matrix = np.array([(1.4978, 0.0006, -63.781), (0.0009, 1.4984, -95.716)])
    assert np.abs(np.array(crop.matrix) - matrix).max() < 0.1, CHANGED
    assert EVIDENCE_VERSION == 1, CHANGED
