"""Geometry and ink of synthetic markers: where a patch of ink lies on a film, and how it changes the film."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markernet.lettering import Ink

Grey = NDArray[np.float32]  # (H, W) film, from 0 (black) to 1 (white)

Points = NDArray[np.float64]  # (N, 2) x, y in film pixels

DrawOnFilm = Callable[[Grey], None]  # draws on a film in place


def patch_matrix(
    shape: tuple[int, ...],
    height_px: float,
    angle_deg: float,
    mirrored: bool,
    centre: Points | tuple[float, float] = (0.0, 0.0),
) -> Points:
    """Return the (2, 3) matrix that scales and mirrors a patch, rotates it clockwise and centres it on a point."""
    h, w = shape[:2]
    angle, scale = np.radians(angle_deg), height_px / h
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    return np.column_stack([turn, np.asarray(centre) - turn @ [w / 2, h / 2]])


def patch_corners(shape: tuple[int, ...], matrix: Points, margin: float = 0.0) -> Points:
    """Return the (4, 2) corners of a patch on the film, clockwise in the patch from its top left.

    Args:
        margin: distance of the corners from the patch, in pixels of the patch.
    """
    h, w = shape[:2]
    m = margin
    outline = np.array([(-m, -m), (w + m, -m), (w + m, h + m), (-m, h + m)])
    return np.asarray(outline @ matrix[:, :2].T + matrix[:, 2])


def choose_size(rng: np.random.Generator, low: float, high: float) -> float:
    """Choose a random size between two limits, whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def fixed_point(points: Points) -> NDArray[np.int32]:
    """Return coordinates in sixteenths of a pixel, as OpenCV draws them with a shift of 4."""
    return np.round(np.asarray(points) * 16).astype(np.int32)


def lay_ink(ink: Ink, matrix: Points, shape: tuple[int, ...]) -> Grey:
    """Return the ink at its position on a film of this shape, (H, W) float32 from 0 to 1."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.7:
        ink = np.asarray(cv2.GaussianBlur(np.pad(ink, 2), (0, 0), 0.4 / scale), np.uint8)
        matrix = np.column_stack([matrix[:, :2], matrix[:, 2] - matrix[:, :2] @ [2, 2]])
    shifted = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ [0.5, 0.5] - 0.5])
    laid = cv2.warpAffine(ink, shifted, shape[1::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(laid / np.float32(255), np.float32)


def typed_ink(
    rng: np.random.Generator, inks: list[tuple[Ink, Points]], plain: bool = False, black_fraction: float = 0.08
) -> DrawOnFilm:
    """Return a function that draws ink of one grey that contrasts with the film, sometimes with an outline.

    One in eight is faint: little brighter or darker than the film, like a watermark or letters over a bright chest.

    Args:
        plain: never draw an outline.
        black_fraction: share of black ink.
    """
    greys = [0.0, 1.0, rng.uniform(0.9, 1.0), rng.uniform(0.55, 0.9)]
    grey = float(rng.choice(greys, p=[black_fraction, *((1 - black_fraction) * np.array([0.55, 0.3, 0.15]))]))
    style = (
        "plain" if plain else str(rng.choice(["plain", "outlined", "shadowed", "hollow"], p=[0.76, 0.14, 0.05, 0.05]))
    )
    opacity = 1.0 if rng.random() < 0.8 else rng.uniform(0.7, 1.0)
    faint = float(rng.uniform(0.05, 0.16)) * float(rng.choice([1, 1, 1, -1])) if rng.random() < 0.12 else 0.0

    def draw(film: Grey) -> None:
        over = np.minimum(sum(lay_ink(ink, matrix, film.shape) for ink, matrix in inks), 1.0)
        if faint:
            film += over * (faint if _mean_under(film, over) + faint < 0.97 else -abs(faint))
            np.clip(film, 0, 1, out=film)
            return
        level = visible_grey(film, over, grey)
        if style == "hollow":  # the outline alone; the letters show the film
            over = np.maximum(np.asarray(cv2.dilate(over, np.ones((3, 3), np.uint8)), np.float32) - over, 0)
        elif style != "plain":
            wide = np.asarray(cv2.dilate(over, np.ones((3, 3), np.uint8)), np.float32)
            edge = np.pad(over, ((2, 0), (2, 0)))[:-2, :-2] if style == "shadowed" else wide
            film[:] = film * (1 - edge) + (0.0 if level > 0.5 else 1.0) * edge
        film[:] = film * (1 - over * opacity) + level * over * opacity

    return draw


def visible_grey(film: Grey, over: Grey, grey: float) -> float:
    """Return the grey of the ink, or white on a dark film and black on a bright one if the contrast is too low."""
    below = _mean_under(film, over)
    if abs(grey - below) > 0.15:
        return grey
    return 1.0 if below < 0.7 else 0.0


def _mean_under(film: Grey, over: Grey) -> float:
    total = float(over.sum())
    return float((film * over).sum()) / total if total > 0 else 0.0


def lead_ink(ink: Ink, matrix: Points, density: float, soft_px: float, white: float = 1.0) -> DrawOnFilm:
    """Return a function that draws ink as absorption with soft edges.

    Args:
        density: absorption of full ink.
        soft_px: sigma of the blur of the edges.
        white: grey that total absorption reaches.
    """

    def draw(film: Grey) -> None:
        absorb(film, density * soften(lay_ink(ink, matrix, film.shape), soft_px), white)

    return draw


def soften(ink: Grey, sigma_px: float) -> Grey:
    """Return the (H, W) ink with blurred edges."""
    return ink if sigma_px < 0.3 else np.asarray(cv2.GaussianBlur(ink, (0, 0), sigma_px), np.float32)


def absorb(film: Grey, density: Grey, white: float) -> None:
    """Add absorption to a film in place: its grey moves towards `white`, the grey of total absorption."""
    film[:] = np.maximum(film, white - np.maximum(white - film, 0) * np.exp(-density))
