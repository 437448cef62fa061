"""Parts of synthetic markers: their areas, the pose of the film, and random sizes and angles."""

from dataclasses import dataclass

import numpy as np

from preprocess.markernet.laying import DrawOnFilm, Points, choose_size

UNKNOWN = "unknown"  # style of a part of a film that may be a marker or not; the loss leaves it out

SMALLEST_PX = 6.0  # height of letters; smaller ones are not legible


@dataclass(frozen=True)
class Area:
    """A part of a film and what the network should predict for it.

    Args:
        quad: (4, 2) corners in film pixels; for text in reading order.
        style: one of preprocess.markers.STYLES, or UNKNOWN.
        text: empty for icons and plates.
        strokes: for annotations, the (4, 2) corners of each stroke of their lines; only these are marker.
    """

    quad: Points
    style: str
    text: str = ""
    strokes: tuple[Points, ...] = ()


@dataclass(frozen=True)
class SyntheticMarker:
    """A marker that can be drawn on a film.

    Args:
        areas: the areas that it covers.
        draw: draws the marker on a film in place.
    """

    areas: tuple[Area, ...]
    draw: DrawOnFilm


@dataclass(frozen=True)
class FilmPose:
    """Orientation of the film in the picture; burned-in text has the same orientation as the film.

    Args:
        angle_deg: rotation of the film, clockwise.
        mirrored: whether the film is mirrored.
        marker_scale: size of the markers relative to their size on a film of 1,000 px.
    """

    angle_deg: float = 0.0
    mirrored: bool = False
    marker_scale: float = 1.0


def choose_text_height(rng: np.random.Generator, text: str, pose: FilmPose) -> float:
    """Choose a random height of a text in pixels: short texts may be large, long texts are small."""
    low, high = ((9, 150), (8, 80), (6, 34))[min(2, max(0, len(text) - 1) // 4 + (len(text) > 1))]
    return choose_height(rng, low, high, pose)


def choose_height(rng: np.random.Generator, low: float, high: float, pose: FilmPose) -> float:
    """Choose a random height between two limits, given in pixels of a film of about 1,000 px.

    Returns:
        The height in pixels of this film, at least SMALLEST_PX.
    """
    return max(SMALLEST_PX, pose.marker_scale * choose_size(rng, low, high))


def choose_typed_pose(rng: np.random.Generator, pose: FilmPose) -> tuple[float, bool]:
    """Choose angle in degrees and mirroring of typed text: mostly those of the film, sometimes others."""
    turn = float(rng.choice([0, 0, 0, 0, 0, 0, 0, 90, 180, 270])) if rng.random() < 0.9 else rng.uniform(0, 360)
    return pose.angle_deg + turn, pose.mirrored != (rng.random() < 0.06)


def choose_laid_pose(rng: np.random.Generator, pose: FilmPose) -> tuple[float, bool]:
    """Choose angle in degrees and mirroring of lead letters: any angle, and often mirrored."""
    turn = rng.uniform(0, 360) if rng.random() < 0.3 else float(rng.choice([0, 0, 90, 180, 270]) + rng.normal(0, 9))
    return pose.angle_deg + turn, pose.mirrored != (rng.random() < 0.4)
