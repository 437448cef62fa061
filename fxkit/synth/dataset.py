"""Write a data set of made-up films with its truth: classes, patients, films and their copies, markers."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from fxkit.errors import ConfigError
from fxkit.synth.anatomy import draw_patient
from fxkit.synth.film import draw_texture, draw_view, expose, field_mask, project, wedge_mask
from fxkit.synth.stamps import burn, draw_stamps, draw_style, lead_absorption
from preprocess.coco import write_coco
from preprocess.errors import OutputError
from preprocess.files import write_atomic
from preprocess.images import write_image
from preprocess.markers import MarkedImage, Marker, as_quad

CLASSES = ("not_fractured", "fractured")

TRUTH = "truth.csv"

MARKERS = "markers.json"

COLUMNS = ("path", "label", "patient", "film", "rotation_deg", "style", "side", "view_deg", "severity")


@dataclass(frozen=True)
class Plan:
    """Which film to make; every film has random streams of its own, so its neighbours do not matter."""

    number: int  # of the film, from 1
    patient: int  # from 0
    view: int  # of the patient, from 0
    fractured: bool


@dataclass(frozen=True)
class Film:
    """A made film: (H, W) uint8 or uint16, with what is true of it."""

    image: NDArray[Any]
    markers: tuple[Marker, ...]
    style: str  # burned, label or lead; "" without markers
    side: str
    view_deg: float
    severity: float


@dataclass(frozen=True)
class Synthetic:
    """What was written."""

    root: Path
    patients: int
    films: int
    files: int
    markers: int


@dataclass(frozen=True)
class _Settings:
    root: Path
    copies: int
    size_px: int
    copy_px: int
    seed: int
    marker_correlation: float
    min_severity: float
    markers: bool
    bits: int
    extension: str


def synth(
    out: str | Path,
    *,
    films: int = 200,
    copies: int = 0,
    size_px: int = 384,
    copy_px: int = 224,
    seed: int = 0,
    marker_correlation: float = 0.0,
    fractured_fraction: float = 0.5,
    min_severity: float = 0.0,
    markers: bool = True,
    bits: int = 8,
    extension: str = ".png",
    overwrite: bool = False,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Synthetic:
    """Make films in out/fractured and out/not_fractured, with truth.csv and markers.json (COCO) beside them.

    Film k depends on the seed, k and the settings of its look alone: more films leave the first ones as they
    were, and the same call gives the same bytes. A patient has one to three films of one forearm, all of one
    class. Markers have random streams of their own: with `markers=False` the same films come without them.

    Args:
        films: how many, copies not counted.
        copies: of each film: turned, scaled to copy_px, named like `0001-rotated1-rotated3.png`.
        size_px: the longer side of a film.
        marker_correlation: c from 0 to 1, how strongly marker style tells the class: with probability c the
            class decides between lead letters (fractured) and burned-in text or boxes (not fractured), else a
            fair coin does. So P(lead | fractured) = (1 + c) / 2 and P(lead | not fractured) = (1 - c) / 2.
        fractured_fraction: share of the patients, spread evenly over their numbers.
        min_severity: of fractures, from 0 (as subtle as a fine line) to 1 (wide, displaced, angulated).
        bits: 8, or 16 for PNG files of that depth.
        overwrite: replace the films that an earlier call wrote to out.
        progress: called with 1 after each film.

    Raises:
        ConfigError: a setting is out of its range.
        OutputError: out holds something already, or cannot be written.
    """
    _check(
        films=(films, 1, 1_000_000),
        copies=(copies, 0, 1000),
        size_px=(size_px, 64, 4096),
        copy_px=(copy_px, 32, 4096),
        marker_correlation=(marker_correlation, 0, 1),
        fractured_fraction=(fractured_fraction, 0, 1),
        min_severity=(min_severity, 0, 1),
    )
    if (bits, extension) not in {(8, ".png"), (8, ".jpg"), (16, ".png")}:
        raise ConfigError(f"bits, extension: {bits}, {extension!r}; expected 8 with .png or .jpg, or 16 with .png")
    root = Path(out)
    _clear(root, overwrite)
    settings = _Settings(
        root, copies, size_px, copy_px, seed, marker_correlation, min_severity, markers, bits, extension
    )
    made = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(write_film)(plan, settings) for plan in plans(films, seed, fractured_fraction)
    )
    rows: list[dict[str, Any]] = []
    marked: dict[str, MarkedImage] = {}
    for film_rows, film_marked in made:
        rows += film_rows
        marked |= film_marked
        if progress:
            progress(1)
    _write_truth(root, rows, marked)
    count = sum(len(image.markers) for image in marked.values())
    return Synthetic(root, len({row["patient"] for row in rows}), films, len(rows), count)


def plans(films: int, seed: int, fractured_fraction: float) -> Iterator[Plan]:
    """Spread films over patients: one to three each, whose classes alternate by the fraction."""
    number = patient = 0
    while number < films:
        fractured = int((patient + 1) * fractured_fraction + 1e-9) > int(patient * fractured_fraction + 1e-9)
        for view in range(int(np.random.default_rng([seed, patient, 1]).integers(1, 4))):
            if number < films:
                number += 1
                yield Plan(number, patient, view, fractured)
        patient += 1


def make_film(
    plan: Plan,
    *,
    size_px: int = 384,
    seed: int = 0,
    marker_correlation: float = 0.0,
    min_severity: float = 0.0,
    markers: bool = True,
    bits: int = 8,
) -> Film:
    """Make one film; see `synth` for the settings."""
    stream = [seed, plan.patient, 2]
    patient = draw_patient(np.random.default_rng(stream), plan.fractured, min_severity)
    rng = np.random.default_rng([*stream, plan.view])
    view = draw_view(rng, patient, plan.view, size_px)
    bones, flesh = project(patient, view, draw_texture(rng, view))
    field = field_mask(view)
    marking = np.random.default_rng([*stream, plan.view, 1])
    style = draw_style(marking, plan.fractured, marker_correlation) if markers else ""
    wedge = wedge_mask(view)
    stamps = draw_stamps(marking, style, patient.side, flesh, field, wedge) if markers else []
    shown = expose(bones + flesh, lead_absorption(stamps, flesh.shape), view, rng)
    shown = shown * field + view.outside_grey * (1 - field)
    shown = burn(np.maximum(shown, 0.96 * wedge), stamps)
    top, kind = (65535, np.uint16) if bits == 16 else (255, np.uint8)
    image = np.round(np.clip(shown, 0, 1) * top).astype(kind)
    found = tuple(stamp.marker for stamp in stamps)
    return Film(image, found, style, patient.side, view.turn_deg, patient.severity)


def turn_film(film: Film, angle_deg: float, size_px: int) -> Film:
    """Return a copy turned clockwise and scaled to fit a black square of size_px; markers go with it."""
    height, width = film.image.shape
    angle = np.radians(angle_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    scale = size_px / max(width * abs(cos) + height * abs(sin), width * abs(sin) + height * abs(cos))
    turn = np.array([[cos, -sin], [sin, cos]]) * scale
    shift = size_px / 2 - turn @ [width / 2, height / 2]
    # warpAffine counts from pixel centres, quads from pixel corners
    matrix = np.column_stack([turn, shift + turn @ [0.5, 0.5] - 0.5])
    smooth = cv2.GaussianBlur(film.image, (0, 0), 0.4 / scale) if scale < 0.9 else film.image
    image = cv2.warpAffine(smooth, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR)
    moved = tuple(replace(m, quad=as_quad(np.array(m.quad) @ turn.T + shift)) for m in film.markers)
    return replace(film, image=image, markers=moved)


def copy_suffix(number: int) -> str:
    """Name copy 1, 2, 3 "-rotated1" to "-rotated3", copy 4 "-rotated1-rotated1", and so on."""
    suffix = ""
    while number > 0:
        number, digit = divmod(number - 1, 3)
        suffix = f"-rotated{digit + 1}" + suffix
    return suffix


def write_film(plan: Plan, settings: _Settings) -> tuple[list[dict[str, Any]], dict[str, MarkedImage]]:
    """Make and write one film and its copies; return its rows of truth.csv and its markers by path."""
    cv2.setNumThreads(1)  # joblib shares out the cores
    film = make_film(
        plan,
        size_px=settings.size_px,
        seed=settings.seed,
        marker_correlation=settings.marker_correlation,
        min_severity=settings.min_severity,
        markers=settings.markers,
        bits=settings.bits,
    )
    rng = np.random.default_rng([settings.seed, plan.patient, 2, plan.view, 2])
    label, rows, marked = CLASSES[plan.fractured], [], {}
    for number, (angle, copy) in enumerate(_copies(film, settings, rng)):
        path = f"{label}/{plan.number:04d}{copy_suffix(number)}{settings.extension}"
        write_image(settings.root / path, copy.image)
        rows.append(_row(path, label, plan, angle, film))
        marked[path] = MarkedImage(copy.image.shape[1], copy.image.shape[0], copy.markers)
    return rows, marked


def _copies(film: Film, settings: _Settings, rng: np.random.Generator) -> Iterator[tuple[float, Film]]:
    """The film itself, then its copies; a copy of a copy is turned on from where that one stood."""
    angles = {0: 0.0}
    yield 0.0, film
    for number in range(1, settings.copies + 1):
        angles[number] = angles[(number - 1) // 3] + float(rng.uniform(-60, 60))
        yield angles[number], turn_film(film, angles[number], settings.copy_px)


def _row(path: str, label: str, plan: Plan, angle: float, film: Film) -> dict[str, Any]:
    values = (
        path,
        label,
        f"p{plan.patient:04d}",
        f"{label}/{plan.number:04d}",
        f"{angle:.2f}",
        film.style,
        film.side,
        f"{film.view_deg:.1f}",
        f"{film.severity:.2f}",
    )
    return dict(zip(COLUMNS, values, strict=True))


def _write_truth(root: Path, rows: Sequence[dict[str, Any]], marked: dict[str, MarkedImage]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_coco(root / MARKERS, marked)
    write_atomic(root / TRUTH, text.getvalue())


def _check(**settings: tuple[float, float, float]) -> None:
    """Compare each setting with its lowest and highest value."""
    for name, (value, low, high) in settings.items():
        if not low <= value <= high:
            raise ConfigError(f"{name}: {value}; expected a number from {low} to {high}")


def _clear(root: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something; or remove the films that truth.csv says were made here."""
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root}: a file; expected a folder to write films to; choose another name")
    if not root.is_dir() or not any(root.iterdir()):
        return
    if not overwrite:
        raise OutputError(f"{root}: not empty; choose a new folder, or replace earlier made films with --overwrite")
    for path in _made_before(root):
        with suppress(FileNotFoundError):
            (root / path).unlink()


def _made_before(root: Path) -> list[str]:
    try:
        with (root / TRUTH).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        reader, rows = None, []
    if reader is None or tuple(reader.fieldnames or ()) != COLUMNS:
        raise OutputError(f"{root}: holds files that `fxkit synth` did not make; choose a new folder")
    made = [Path(row["path"]) for row in rows]
    return [str(path) for path in made if len(path.parts) == 2 and path.parts[0] in CLASSES and path.name != ".."]
