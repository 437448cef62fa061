"""Simulate the exposure of a forearm: projection, scatter, blur, quantum noise, collimation and display curve."""

from dataclasses import dataclass

import cv2
import numpy as np

from fxkit.synth.anatomy import Patient
from fxkit.synth.tubes import MU_FLESH, Array, Tube, absorb, project_axis, trace_rays, undo_displacement

GRID = 8  # spacing in px of the points that decide which part of the film a tube covers


@dataclass(frozen=True)
class View:
    """How one film was taken.

    Args:
        width, height: size of the film in pixels.
        turn_deg: rotation of the limb about its axis; 0 is postero-anterior, 90 lateral.
        rotation_deg: rotation of the limb on the film, clockwise.
        mirrored: whether the limb is mirrored, as for a right arm.
        mm_per_px: pixel size on the limb.
        wrist: position of the wrist, x and y in pixels.
        field: corners of the collimated field in pixels.
        dose: number of photons; more photons give less noise.
        blur_px: sigma of the blur.
        base_grey: grey of the unobstructed detector, from 0 to 1.
        outside_grey: grey outside the collimated field, from 0 to 1.
        wedge: over-exposed strip along a border, as x and y of its unit normal and its width in pixels;
            None if there is no strip.
        gamma: exponent of the display curve.
        white: absorption that is shown as white, relative to the densest part of the film.
        boost: enhancement of fine detail over broad differences, as in computed radiography.
        fog: slope of scatter and heel effect across x and y.
    """

    width: int
    height: int
    turn_deg: float
    rotation_deg: float
    mirrored: bool
    mm_per_px: float
    wrist: tuple[float, float]
    field: tuple[tuple[float, float], ...]
    dose: float
    blur_px: float
    base_grey: float
    outside_grey: float
    wedge: tuple[float, float, float] | None
    gamma: float
    white: float
    boost: float
    fog: tuple[float, float]


def choose_view(rng: np.random.Generator, patient: Patient, number: int, size_px: int) -> View:
    """Choose at random how film `number` of a patient is taken; the first two are usually frontal and lateral."""
    turn = (0, 90, 45)[(number + int(rng.random() < 0.25)) % 3] + rng.normal(0, 6)
    aspect = rng.uniform(0.58, 1.0)
    height, width = size_px, round(size_px * aspect)
    layout = rng.random()
    if layout < 0.12:
        height, width = width, height
        rotation = rng.choice([-90.0, 90.0]) + rng.normal(0, 8)
    else:
        rotation = rng.normal(0, 9) if layout < 0.85 else rng.uniform(-45, 45)
    wrist = (width * rng.uniform(0.42, 0.58), height * rng.uniform(0.36, 0.52))
    if layout < 0.12:
        wrist = (width * rng.uniform(0.42, 0.56), height * rng.uniform(0.42, 0.58))
    return View(
        width=width,
        height=height,
        turn_deg=float(turn),
        rotation_deg=float(rotation),
        mirrored=patient.side == "R",
        mm_per_px=float(rng.uniform(140, 225) / size_px),
        wrist=(float(wrist[0]), float(wrist[1])),
        field=_choose_field(rng, width, height),
        dose=float(np.exp(rng.uniform(np.log(4e3), np.log(6e4)))),
        blur_px=float(rng.uniform(0.35, 0.75) * max(size_px / 384, 0.5)),
        base_grey=float(rng.choice([rng.uniform(0.0, 0.04), rng.uniform(0.05, 0.13), rng.uniform(0.13, 0.25)])),
        outside_grey=float(rng.choice([0.0, rng.uniform(0, 0.04)])),
        wedge=_choose_wedge(rng, size_px) if rng.random() < 0.12 else None,
        gamma=float(rng.uniform(0.85, 1.3)),
        white=float(rng.uniform(0.95, 1.2)),
        boost=float(rng.uniform(0.5, 1.3)),
        fog=(float(rng.normal(0, 0.04)), float(rng.normal(0, 0.05))),
    )


def _choose_field(rng: np.random.Generator, width: int, height: int) -> tuple[tuple[float, float], ...]:
    """Choose the corners of the collimated field: each side may lie inside the film, and the field may be tilted."""
    closed = rng.random(4) < 0.4
    margins = np.where(closed, rng.uniform(0.015, 0.13, 4), -0.2) * [width, height, width, height]
    left, top, right, bottom = margins
    corners = np.array([[left, top], [width - right, top], [width - right, height - bottom], [left, height - bottom]])
    tilt = np.radians(rng.normal(0, 5)) if rng.random() < 0.45 else 0.0
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    centre = np.array([width / 2, height / 2])
    placed = (corners - centre) @ turn + centre
    return tuple((float(x), float(y)) for x, y in placed)


def _choose_wedge(rng: np.random.Generator, size_px: int) -> tuple[float, float, float]:
    angle = rng.choice([0, 90, 180, 270]) + rng.normal(0, 5)
    return (
        float(np.cos(np.radians(angle))),
        float(np.sin(np.radians(angle))),
        float(size_px * rng.uniform(0.01, 0.05)),
    )


def wedge_mask(view: View) -> Array:
    """Return an (H, W) float32 mask: 1 on the over-exposed strip along one border, 0 elsewhere."""
    if view.wedge is None:
        return np.zeros((view.height, view.width), np.float32)
    y, x = np.mgrid[0 : view.height, 0 : view.width].astype(np.float32)
    nx, ny, reach = view.wedge
    border = abs(nx) * view.width / 2 + abs(ny) * view.height / 2
    inside = (x - view.width / 2) * nx + (y - view.height / 2) * ny - border + reach
    return np.asarray(np.clip(inside, 0, 1), np.float32)


def limb_points(view: View) -> tuple[Array, Array]:
    """Return the limb coordinates x and y of every pixel in mm, as two (H, W) float32 arrays."""
    px, py = np.meshgrid(
        np.arange(view.width, dtype=np.float32) - view.wrist[0],
        np.arange(view.height, dtype=np.float32) - view.wrist[1],
    )
    angle = np.radians(view.rotation_deg)
    cos, sin = np.float32(np.cos(angle) * view.mm_per_px), np.float32(np.sin(angle) * view.mm_per_px)
    x, y = px * cos + py * sin, py * cos - px * sin
    return (-x if view.mirrored else x), y


def project(patient: Patient, view: View, texture: Array) -> tuple[Array, Array]:
    """Return the absorption of the bones and of the soft tissue, as two (H, W) float32 arrays."""
    turn = float(np.radians(view.turn_deg))
    x, y = limb_points(view)
    hand_x, hand_y, arm_x, arm_y = x, y, x, y
    if patient.hand_follows is not None:
        hand_x, hand_y = undo_displacement(_broken_tube(patient), patient.hand_follows, x, y, turn)
        arm_x, arm_y = _bend_flesh(_broken_tube(patient), x, y, hand_x, hand_y)
    bones, flesh = np.zeros_like(x), np.zeros_like(x)
    for tubes, tx, ty in ((patient.forearm[:2], x, y), (patient.forearm[2:] + patient.hand, hand_x, hand_y)):
        for tube in tubes:
            rows, columns = _covered_part(tube, tx, ty, turn)
            part = absorb(tube, tx[rows, columns], ty[rows, columns], turn, texture[rows, columns])
            bones[rows, columns] += part
    for tubes, tx, ty in ((patient.arm_flesh, arm_x, arm_y), (patient.hand_flesh, hand_x, hand_y)):
        for tube in tubes:
            rows, columns = _covered_part(tube, tx, ty, turn)
            part = trace_rays(tube, tx[rows, columns], ty[rows, columns], turn)[0]
            flesh[rows, columns] += part**4  # a smooth maximum, so that fingers and palm merge
    return bones, MU_FLESH * np.sqrt(np.sqrt(flesh))


def _broken_tube(patient: Patient) -> Tube:
    return next(tube for tube in patient.forearm if tube.fracture == patient.hand_follows)


def _bend_flesh(tube: Tube, x: Array, y: Array, moved_x: Array, moved_y: Array) -> tuple[Array, Array]:
    """Blend fixed and displaced coordinates: soft tissue bends over some centimetres where bone breaks sharply."""
    assert tube.fracture is not None
    pivot = tube.a[1] + (tube.b[1] - tube.a[1]) * tube.fracture.at
    share = np.clip((y - pivot) / 50 + 0.5, 0, 1)
    return x * share + moved_x * (1 - share), y * share + moved_y * (1 - share)


def _covered_part(tube: Tube, x: Array, y: Array, turn: float) -> tuple[slice, slice]:
    """Return the rows and columns that a tube can cover, with a margin for displacement."""
    a, e, length = project_axis(tube, turn)
    reach = max(tube.half_mm) * max(1.0, tube.depth) + abs(tube.bow_mm) + (25 if tube.fracture else 3)
    x, y = x[::GRID, ::GRID] - a[0], y[::GRID, ::GRID] - a[1]
    along, across = x * e[0] + y * e[1], y * e[0] - x * e[1]
    near = (along > -reach) & (along < length + reach) & (np.abs(across) < reach)
    rows, columns = np.flatnonzero(near.any(1)) * GRID, np.flatnonzero(near.any(0)) * GRID
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(max(rows[0] - GRID, 0), rows[-1] + GRID), slice(max(columns[0] - GRID, 0), columns[-1] + GRID)


def field_mask(view: View) -> Array:
    """Return an (H, W) float32 mask: 1 within the collimated field, 0 outside, with a thin penumbra."""
    mask = np.zeros((view.height, view.width), np.uint8)
    cv2.fillConvexPoly(mask, np.round(np.array(view.field) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.7))


def draw_texture(rng: np.random.Generator, view: View) -> Array:
    """Return an (H, W) float32 texture of trabeculae.

    The texture is noise with a scale of about 1 mm, elongated along the limb, and a standard deviation of 0.15.
    """
    noise = rng.standard_normal((view.height, view.width), np.float32)
    fine = 0.35 / view.mm_per_px
    upright = abs(np.cos(np.radians(view.rotation_deg))) > 0.7
    along = (fine, 2.2 * fine) if upright else (2.2 * fine, fine)
    stripes = cv2.GaussianBlur(noise, (0, 0), sigmaX=along[0], sigmaY=along[1])
    mesh = cv2.GaussianBlur(noise[::-1], (0, 0), 0.8 * fine)
    return np.asarray(0.13 * stripes / stripes.std() + 0.08 * mesh / mesh.std(), np.float32)


def expose(limb: Array, lead: Array, view: View, rng: np.random.Generator) -> Array:
    """Convert absorption to the displayed film.

    Args:
        limb: (H, W) float32 absorption of bone and soft tissue; not modified.
        lead: (H, W) float32 absorption of lead letters; they do not affect the display window.

    Returns:
        (H, W) float32 from 0 to 1, not yet collimated.
    """
    soft = cv2.GaussianBlur(limb + lead, (0, 0), view.blur_px)
    y, x = np.mgrid[-0.5 : 0.5 : view.height * 1j, -0.5 : 0.5 : view.width * 1j].astype(np.float32)
    scatter = 0.06 * cv2.GaussianBlur(limb, (0, 0), view.height / 14)
    quanta = np.sqrt(np.exp(np.minimum(soft, 4)) / view.dose)
    noise = rng.standard_normal(soft.shape, np.float32)
    noise = noise + 0.9 * cv2.GaussianBlur(noise, (0, 0), 0.8)
    signal = soft - scatter + view.fog[0] * x + view.fog[1] * y + noise * quanta
    broad = cv2.GaussianBlur(limb, (0, 0), view.height / 14)
    signal = signal + view.boost * (signal - broad)
    high = view.white * float(np.percentile((limb + view.boost * (limb - broad))[::4, ::4], 99.5))
    grey = np.clip((signal - 0.02) / high, -0.05, None)
    grey = np.sign(grey) * np.abs(grey) ** view.gamma
    return np.asarray(np.clip(view.base_grey + (1 - view.base_grey) * _compress_highlights(grey), 0, 1), np.float32)


def _compress_highlights(values: Array) -> Array:
    """Compress values above 0.75 towards 1, as film does, so that dense bone is not clipped."""
    over = np.maximum(values - 0.75, 0)
    return np.asarray(np.minimum(values, 0.75) + 0.25 * np.tanh(over / 0.25), np.float32)
