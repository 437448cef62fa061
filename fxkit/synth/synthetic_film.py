"""Make one synthetic film from patient, view, markers and exposure, and make its rotated copies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.errors import ConfigError
from fxkit.synth.anatomy import choose_patient
from fxkit.synth.film import choose_view, draw_texture, expose, field_mask, project, wedge_mask
from fxkit.synth.markers import burn, choose_markers, choose_style, lead_absorption
from preprocess.markers import Marker, as_quad


@dataclass(frozen=True)
class SynthOptions:
    """Options of a synthetic data set.

    Args:
        films: number of films, copies not counted.
        copies: number of rotated copies of each film, named like `0001-rotated1-rotated3.png`.
        size_px: longer side of a film, 64 to 4096.
        copy_px: side of a copy, 32 to 4096.
        seed: seed of all random numbers.
        marker_correlation: c from 0 to 1, how strongly the marker style depends on the class. With probability c the
            class determines the style: lead letters for fractured films, burned-in text or boxes for the others.
            Otherwise a fair coin decides. So P(lead | fractured) = (1 + c) / 2 and
            P(lead | not fractured) = (1 - c) / 2.
        fractured_fraction: share of fractured patients, from 0 to 1.
        min_severity: lowest severity of a fracture, from 0 (a subtle fine line) to 1 (wide, displaced, angulated).
        markers: whether the films have markers. Without them, the films are otherwise the same.
        bits: 8, or 16 for 16-bit PNG files.
        extension: `.png` or `.jpg`.
    """

    films: int = 200
    copies: int = 0
    size_px: int = 384
    copy_px: int = 224
    seed: int = 0
    marker_correlation: float = 0.0
    fractured_fraction: float = 0.5
    min_severity: float = 0.0
    markers: bool = True
    bits: int = 8
    extension: str = ".png"


RANGES = {
    "films": (1, 1_000_000),
    "copies": (0, 1000),
    "size_px": (64, 4096),
    "copy_px": (32, 4096),
    "marker_correlation": (0, 1),
    "fractured_fraction": (0, 1),
    "min_severity": (0, 1),
}


def check_options(options: SynthOptions) -> None:
    """Raise a ConfigError if an option is out of its range."""
    for name, (low, high) in RANGES.items():
        value = getattr(options, name)
        if not low <= value <= high:
            raise ConfigError(f"{name}: {value}; expected a number from {low} to {high}")
    if (options.bits, options.extension) not in {(8, ".png"), (8, ".jpg"), (16, ".png")}:
        raise ConfigError(
            f"bits, extension: {options.bits}, {options.extension!r}; expected 8 with .png or .jpg, or 16 with .png"
        )


@dataclass(frozen=True)
class FilmPlan:
    """Which film to make; each film has its own random streams, so it does not depend on the other films.

    Args:
        number: number of the film, from 1.
        patient: number of the patient, from 0.
        view: number of the film among those of the patient, from 0.
        fractured: the class.
    """

    number: int
    patient: int
    view: int
    fractured: bool


@dataclass(frozen=True)
class SyntheticFilm:
    """A synthetic film and its ground truth.

    Args:
        image: (H, W) uint8 or uint16.
        markers: all markers on the film.
        style: `burned`, `label` or `lead`; empty without markers.
        side: L or R.
        view_deg: rotation of the limb about its axis; 0 is postero-anterior, 90 lateral.
        severity: severity of the fracture, from 0 to 1; 0 without a fracture.
    """

    image: NDArray[Any]
    markers: tuple[Marker, ...]
    style: str
    side: str
    view_deg: float
    severity: float


def plan_films(films: int, seed: int, fractured_fraction: float) -> Iterator[FilmPlan]:
    """Yield the plans of the films: one to three per patient, fractured patients spread evenly over all patients."""
    number = patient = 0
    while number < films:
        fractured = int((patient + 1) * fractured_fraction + 1e-9) > int(patient * fractured_fraction + 1e-9)
        for view in range(int(np.random.default_rng([seed, patient, 1]).integers(1, 4))):
            if number < films:
                number += 1
                yield FilmPlan(number, patient, view, fractured)
        patient += 1


def make_film(plan: FilmPlan, options: SynthOptions | None = None) -> SyntheticFilm:
    """Make one film; its size, bit depth, markers and severity follow the options."""
    options = options or SynthOptions()
    stream = [options.seed, plan.patient, 2]
    patient = choose_patient(np.random.default_rng(stream), plan.fractured, options.min_severity)
    rng = np.random.default_rng([*stream, plan.view])
    view = choose_view(rng, patient, plan.view, options.size_px)
    bones, flesh = project(patient, view, draw_texture(rng, view))
    field, wedge = field_mask(view), wedge_mask(view)
    # markers have their own stream, so that the film is the same without them
    marker_rng = np.random.default_rng([*stream, plan.view, 1])
    style = choose_style(marker_rng, plan.fractured, options.marker_correlation) if options.markers else ""
    markers = choose_markers(marker_rng, style, patient.side, flesh, field, wedge) if options.markers else []
    grey = expose(bones + flesh, lead_absorption(markers, flesh.shape), view, rng)
    grey = grey * field + view.outside_grey * (1 - field)
    grey = burn(np.maximum(grey, 0.96 * wedge), markers)
    top, dtype = (65535, np.uint16) if options.bits == 16 else (255, np.uint8)
    image = np.round(np.clip(grey, 0, 1) * top).astype(dtype)
    placed = tuple(placed.marker for placed in markers)
    return SyntheticFilm(image, placed, style, patient.side, view.turn_deg, patient.severity)


def rotate_film(film: SyntheticFilm, angle_deg: float, size_px: int) -> SyntheticFilm:
    """Return a copy with its markers, rotated clockwise and scaled to fit a black square of side size_px."""
    height, width = film.image.shape
    angle = np.radians(angle_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    scale = size_px / max(width * abs(cos) + height * abs(sin), width * abs(sin) + height * abs(cos))
    turn = np.array([[cos, -sin], [sin, cos]]) * scale
    shift = size_px / 2 - turn @ [width / 2, height / 2]
    # warpAffine measures from pixel centres, quads from pixel corners
    matrix = np.column_stack([turn, shift + turn @ [0.5, 0.5] - 0.5])
    smooth = cv2.GaussianBlur(film.image, (0, 0), 0.4 / scale) if scale < 0.9 else film.image
    image = cv2.warpAffine(smooth, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR)
    moved = tuple(replace(m, quad=as_quad(np.array(m.quad) @ turn.T + shift)) for m in film.markers)
    return replace(film, image=image, markers=moved)
