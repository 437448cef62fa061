"""Make training pictures: windows of real films without markers, on which markers and distractors are drawn."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.detectors.markernet import darken_bright_film, film_scale
from preprocess.detectors.regions import STRIDE
from preprocess.errors import ImageError
from preprocess.images import decode_image, encode_jpeg, read_image, to_grey8
from preprocess.markernet.distractors import draw_distractor
from preprocess.markernet.ground_truth import Truth, empty_truth, is_free, write_truth
from preprocess.markernet.hardware import draw_hardware
from preprocess.markernet.laying import Grey, Points
from preprocess.markernet.marker_parts import UNKNOWN, Area, FilmPose, SyntheticMarker
from preprocess.markernet.synthetic_markers import draw_marker
from preprocess.markers import Marker

Picture = NDArray[np.uint8]


SYNTHETIC_FRACTION = 0.1  # share of pictures with a synthetic background instead of a real film

COPY_FRACTION = 0.4  # share of pictures that look like an enlarged copy of a few hundred pixels

COPY_MARKER_SCALE = 0.45  # size of a marker on such a copy relative to a film of full size

MARKER_COUNTS = (0, 1, 2, 3, 4, 5)  # number of markers on a picture

UNSURE = 0.5  # with less confidence, a marker on a film to train on may be none

HARDWARE_FRACTION = 0.45  # share of implants, teeth, electrodes and bars among the distractors

BORDER_FRACTION = 0.2  # share of markers at a border of the picture, which cuts many of them

COUNT_PROBABILITIES = (0.3, 0.27, 0.2, 0.12, 0.07, 0.04)


@dataclass(frozen=True)
class Film:
    """A film, no larger than the network sees it.

    Args:
        picture: (H, W) uint8.
        areas: markers that are already on the film.
    """

    picture: Picture
    areas: tuple[Area, ...] = ()


@dataclass(frozen=True)
class Place:
    """A point on a film around which a picture is made.

    Args:
        film: index of the film.
        x, y: pixels of the film.
    """

    film: int
    x: float
    y: float


def read_films(root: str | Path, marked: Mapping[str, Sequence[Marker]]) -> list[Film]:
    """Read films and their markers, given as path -> markers; files that cannot be read are skipped."""
    films = []
    for path, markers in marked.items():
        with suppress(ImageError):
            films.append(reduce_film(to_grey8(read_image(Path(root, path))), markers))
    return films


def reduce_film(image: Picture, markers: Sequence[Marker]) -> Film:
    """Return a Film for an (H, W) uint8 image and its markers, whose quads are in pixels of the image.

    Markers with a confidence below UNSURE become areas that the loss leaves out.
    """
    scale = min(1.0, film_scale(image.shape))
    picture = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    areas = (Area(np.array(m.quad) * scale, UNKNOWN if m.confidence < UNSURE else m.style) for m in markers)
    return Film(darken_bright_film(picture), tuple(areas))


def make_scene(
    rng: np.random.Generator, films: Sequence[Film], side_px: int, around: Place | None = None
) -> tuple[Picture, Truth]:
    """Make one (side, side) uint8 picture and its (6, side / 2, side / 2) int8 ground truth.

    Args:
        around: show this place unchanged: nothing is drawn on it, and the scale is about that of the film.
    """
    truth = empty_truth(side_px)
    is_copy = around is None and rng.random() < COPY_FRACTION
    scale = COPY_MARKER_SCALE if is_copy else 1.0
    if around is None and rng.random() < SYNTHETIC_FRACTION:
        background, pose = _draw_background(rng, side_px), FilmPose(marker_scale=scale)
        inside = np.ones((side_px, side_px), np.uint8)
    else:
        film = films[int(rng.integers(len(films))) if around is None else around.film]
        background, pose, inside, areas = _show_window(rng, film, side_px, around, scale)
        for area in areas:
            write_truth(truth, area)
    picture = _vary_exposure(rng, background.astype(np.float32) / np.float32(255))
    markers: list[SyntheticMarker] = []
    if around is None:
        _draw_distractors(rng, picture, truth)
        markers = _place_markers(rng, inside, pose, truth)
    _draw_markers(rng, picture, markers)
    if around is None and rng.random() < (0.4 if is_copy else 0.05):
        _cut_corner(rng, picture, truth)
    return _store(rng, picture, is_copy), truth


def _draw_distractors(rng: np.random.Generator, picture: Grey, truth: Truth) -> None:
    """Draw distractors on the picture, in place, but not over markers that are already on the film."""
    original, is_marker = picture.copy(), np.kron(truth[0], np.ones((STRIDE, STRIDE), np.int8)) != 0
    for _ in range(int(rng.choice([0, 0, 1, 1, 2, 3, 5]))):
        (draw_hardware if rng.random() < HARDWARE_FRACTION else draw_distractor)(rng, picture)
    picture[is_marker] = original[is_marker]


def _show_window(
    rng: np.random.Generator, film: Film, side_px: int, around: Place | None, size: float = 1.0
) -> tuple[Picture, FilmPose, Picture, list[Area]]:
    """Show a part of a film, randomly rotated, mirrored and scaled.

    Args:
        size: mean scale relative to the scale at which the network sees the film.
    Returns:
        The (side, side) uint8 picture, the pose of the film, a mask of the film, and the areas of the
        markers that are already on it.
    """
    picture = film.picture
    scale = film_scale(picture.shape)
    if around is None:
        least, most = (0.7, 1.4) if size < 1 else (0.45, 1.5)
        scale *= float(np.exp(rng.uniform(np.log(least), np.log(most))))
        scale *= size
        spot = rng.uniform(0, 1, 2) * picture.shape[::-1]
        off = np.full(2, side_px / 2)
    else:
        scale *= float(np.exp(rng.normal(0, 0.15)))
        spot, off = np.array([around.x, around.y]), side_px * rng.uniform(0.15, 0.85, 2)
    angle = float(rng.uniform(-180, 180)) if rng.random() < 0.4 else float(rng.choice([0, 0, 0, 0, 90, 180, 270]))
    mirrored = rng.random() < 0.5
    matrix = _window_matrix(spot, off, scale, angle, mirrored)
    # warpAffine measures from pixel centres, quads from pixel corners
    areas = [replace(area, quad=(area.quad - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5) for area in film.areas]
    if scale < 0.6:
        picture = np.asarray(cv2.pyrDown(picture), np.uint8)
        matrix = _window_matrix(spot / 2, off, scale * 2, angle, mirrored)
    outside_grey = float(rng.choice([0, 0, 0, rng.uniform(0, 255)]))
    window = cv2.warpAffine(picture, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR, borderValue=outside_grey)
    inside = cv2.warpAffine(np.ones_like(picture), matrix, (side_px, side_px), flags=cv2.INTER_NEAREST)
    # a mirrored film looks like one of the other side, whose markers are mostly not mirrored
    pose = FilmPose(angle, mirrored and rng.random() < 0.2, size)
    return np.asarray(window, np.uint8), pose, np.asarray(inside, np.uint8), areas


def _window_matrix(spot: Points, off: Points, scale: float, angle_deg: float, mirrored: bool) -> Points:
    angle = np.radians(angle_deg)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    return np.column_stack([turn, off - turn @ spot])


def _draw_background(rng: np.random.Generator, side_px: int) -> Picture:
    """Draw clouds, bright ellipses for limbs, and noise, for films unlike those of the data set."""
    cells = int(rng.integers(2, 9))
    field = cv2.resize(rng.random((cells, cells)).astype(np.float32), (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    field = field * rng.uniform(0.1, 0.9) + rng.uniform(-0.2, 0.5)
    for _ in range(int(rng.integers(0, 6))):
        centre, axes = rng.integers(0, side_px, 2).tolist(), rng.integers(5, side_px // 2, 2).tolist()
        limb = np.zeros((side_px, side_px), np.float32)
        cv2.ellipse(limb, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1, cv2.LINE_AA)
        field = field + float(rng.uniform(-0.3, 0.4)) * cv2.GaussianBlur(limb, (0, 0), float(rng.uniform(0.5, 12)))
    grain = cv2.GaussianBlur(
        rng.normal(0, 1, (side_px, side_px)).astype(np.float32), (0, 0), float(rng.uniform(0.3, 1.5))
    )
    field = field + grain * float(rng.uniform(0, 0.08))
    return np.asarray(np.clip(field, 0, 1) * 255, np.uint8)


def _vary_exposure(rng: np.random.Generator, film: Grey) -> Grey:
    film = film ** float(np.exp(rng.normal(0, 0.3)))
    film = film * float(rng.uniform(0.6, 1.15)) + float(rng.choice([0, 0, rng.uniform(0, 0.15)]))
    if rng.random() < 0.08:
        film = 1 - film
    film = np.clip(film, 0, 1).astype(np.float32)
    if rng.random() < 0.1:  # as consoles that raise the local contrast
        equaliser = cv2.createCLAHE(float(rng.uniform(1.5, 6)), (4, 4))
        film = equaliser.apply(np.round(film * 255).astype(np.uint8)).astype(np.float32) / np.float32(255)
    return np.asarray(film, np.float32)


def _place_markers(rng: np.random.Generator, inside: Picture, pose: FilmPose, truth: Truth) -> list[SyntheticMarker]:
    """Draw markers at random positions, keep those that overlap no other, and write them into the ground truth."""
    markers = []
    for _ in range(int(rng.choice(MARKER_COUNTS, p=COUNT_PROBABILITIES))):
        marker = draw_marker(rng, _choose_centre(rng, inside), pose)
        if is_free(truth, marker.areas):
            markers.append(marker)
            for area in marker.areas:
                write_truth(truth, area)
    return markers


def _choose_centre(rng: np.random.Generator, inside: Picture) -> Points:
    """Choose a random centre of a marker, mostly on the film and sometimes just outside it, or near a border."""
    if rng.random() < BORDER_FRACTION:
        along, depth = rng.uniform(0, 1) * inside.shape[0], rng.uniform(0, 14)
        spots = ((along, depth), (along, inside.shape[0] - depth), (depth, along), (inside.shape[0] - depth, along))
        return np.array(spots[int(rng.integers(4))])
    for _ in range(8):
        x, y = rng.uniform(0.0, 1.0, 2) * inside.shape[::-1]
        if inside[int(y), int(x)]:
            break
    return np.array([x, y])


def _draw_markers(rng: np.random.Generator, film: Grey, markers: Iterable[SyntheticMarker]) -> None:
    """Draw lead before the grain and sharpening of the film, and typed markers after it."""
    for marker in markers:
        if _is_lead(marker):
            marker.draw(film)
    if rng.random() < 0.5:
        film += rng.normal(0, rng.uniform(0.002, 0.03), film.shape).astype(np.float32)
    if rng.random() < 0.35:
        film += np.float32(rng.uniform(0.3, 1.5)) * (film - cv2.GaussianBlur(film, (0, 0), float(rng.uniform(0.8, 5))))
    for marker in markers:
        if not _is_lead(marker):
            marker.draw(film)


def _is_lead(marker: SyntheticMarker) -> bool:
    return marker.areas[-1].style == "lead"


def _cut_corner(rng: np.random.Generator, film: Grey, truth: Truth) -> None:
    """Blacken the film beyond a straight line, as in the corners of rotated films, and cut off its markers there."""
    side = film.shape[0]
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.8 else float(rng.integers(4)) * np.pi / 2
    rows, columns = np.mgrid[:side, :side] - side / 2
    beyond = np.cos(angle) * columns + np.sin(angle) * rows > side * rng.uniform(0.05, 0.6)
    film[beyond] = 0
    off = beyond[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
    truth[:, off] = 0
    truth[1, off], truth[5, off] = -1, -1


def _store(rng: np.random.Generator, film: Grey, is_copy: bool = False) -> Picture:
    """Return the film as users store films: reduced and enlarged again, blurred, compressed.

    Args:
        is_copy: the film was stored at half of the size at which the network sees it.
    """
    if rng.random() < 0.1:
        film = np.asarray(cv2.GaussianBlur(film, (0, 0), float(rng.uniform(0.4, 1.2))), np.float32)
    picture = np.asarray(np.round(np.clip(film, 0, 1) * 255), np.uint8)
    reduced = is_copy or rng.random() < 0.2
    size = picture.shape[::-1]
    if reduced:
        half = [round(side * (0.5 if is_copy else rng.uniform(0.45, 0.8))) for side in size]
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8)
    if is_copy and rng.random() < 0.7:  # each rotation blurs
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.35, 0.9))), np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(40, 97))
        picture = decode_image("picture.jpg", encode_jpeg(picture, quality))
    if reduced:
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.asarray(picture, np.uint8)
