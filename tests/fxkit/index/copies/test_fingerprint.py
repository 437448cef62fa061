"""Fingerprints of films: changed copies of a film are recognised, other films are not."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fxkit.index.copies.features import Picture
from fxkit.index.copies.fingerprint import (
    CERTAIN,
    COPIES,
    EXACT_PX,
    KEPT,
    TRANSFORM,
    UPRIGHT_COPIES,
    Agreement,
    compare_fingerprints,
    fingerprint_of,
)
from fxkit.index.fingerprints import match_fingerprints
from fxkit.synth.dataset import Synthetic
from preprocess.images import read_grey8


@pytest.fixture(scope="module")
def films(made: Synthetic) -> list[Picture]:
    """The originals of the made films, without their copies."""
    return [read_grey8(path) for path in sorted(Path(made.root).rglob("*.png")) if "-rotated" not in path.name]


def save_again(quality: int) -> Callable[[Picture], Picture]:
    def change(film: Picture) -> Picture:
        data = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)

    return change


def turn(film: Picture) -> Picture:
    h, w = film.shape
    return np.asarray(cv2.warpAffine(film, cv2.getRotationMatrix2D((w / 2, h / 2), 13, 1), (w, h)), np.uint8)


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "JPEG, quality 95": save_again(95),
    "JPEG, quality 40": save_again(40),
    "mirrored": lambda film: film[:, ::-1],
    "turned by 90 degrees": lambda film: np.rot90(film),
    "turned by 13 degrees": turn,
    "inverted": lambda film: 255 - film,
    "darker": lambda film: (film * 0.6).astype(np.uint8),
    "cropped": lambda film: film[8:-8, 8:-8],
    "enlarged": lambda film: np.asarray(cv2.resize(film, None, fx=2, fy=2), np.uint8),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_copy_is_recognised(films: list[Picture], change: Callable[[Picture], Picture]) -> None:
    changed = [np.ascontiguousarray(change(film)) for film in films[:6]]
    pairs = zip(films, changed, strict=False)
    assert all(compare_fingerprints(fingerprint_of(a), fingerprint_of(b)).is_sure for a, b in pairs)


def test_other_films_have_few_points_in_common(films: list[Picture]) -> None:
    prints = [fingerprint_of(film) for film in films[:12]]
    agreements = [compare_fingerprints(a, b) for i, a in enumerate(prints) for b in prints[:i]]
    assert max(agreement.points for agreement in agreements) < COPIES
    assert not any(agreement.is_sure for agreement in agreements)


@pytest.mark.parametrize(
    ("agreement", "is_sure"),
    [
        (Agreement(COPIES, 0.7), True),
        (Agreement(COPIES - 1, 0.7), False),
        (Agreement(COPIES, EXACT_PX), False),
        (Agreement(UPRIGHT_COPIES - 1, 0.7, is_upright=True), False),
        (Agreement(UPRIGHT_COPIES, 0.7, is_upright=True), True),
        (Agreement(CERTAIN, 1.5, is_upright=True), True),
    ],
)
def test_copies_have_enough_exact_points(agreement: Agreement, is_sure: bool) -> None:
    assert agreement.is_sure == is_sure


@pytest.mark.parametrize(("first", "second"), [("2867", "2670"), ("3638", "3597"), ("2951", "3390"), ("1042", "1086")])
def test_other_hands_on_the_same_imaging_plate_are_not_copies(shared_data: Path, first: str, second: str) -> None:
    hands = shared_data / "fracatlas_hand"
    paths = [next(hands.glob(f"*/IMG000{number}.jpg")) for number in (first, second)]
    agreement = compare_fingerprints(*[fingerprint_of(read_grey8(path)) for path in paths])
    assert agreement.points >= 18
    assert not agreement.is_sure
    prints = [{str(path): fingerprint_of(read_grey8(path))} for path in paths]
    assert not match_fingerprints(*prints, {}, {})
    assert not match_fingerprints(*prints, *({str(path): path} for path in paths))


def test_a_film_without_structure_has_an_empty_fingerprint() -> None:
    empty = fingerprint_of(np.full((64, 48), 90, np.uint8))
    assert len(empty.codes) == 0
    assert compare_fingerprints(empty, empty).points == 0


def test_a_fingerprint_takes_under_3_kb_and_keeps_the_descriptors_nearly(films: list[Picture]) -> None:
    from fxkit.index.copies.features import features_of

    film = fingerprint_of(films[0])
    assert film.places.nbytes + film.shapes.nbytes + film.codes.nbytes < 3000
    exact = features_of(films[0]).descriptors[:KEPT].astype(float) / 255
    cosines = (exact * film.descriptors / 255).sum(1) / np.linalg.norm(exact, axis=1)
    assert np.median(cosines) > 0.9
    np.testing.assert_allclose(TRANSFORM @ TRANSFORM.T, np.eye(len(TRANSFORM)), atol=1e-12)
