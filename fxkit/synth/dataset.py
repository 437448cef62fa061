"""Write a data set of synthetic films with its ground truth: classes, patients, films, copies and markers."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import delayed

from fxkit.synth.synthetic_film import (
    FilmPlan,
    SyntheticFilm,
    SynthOptions,
    check_options,
    make_film,
    plan_films,
    rotate_film,
)
from preprocess.coco import write_coco
from preprocess.errors import DataError, OutputError
from preprocess.files import write_atomic
from preprocess.images import write_image
from preprocess.locks import locked
from preprocess.markers import MarkedImage
from preprocess.tables.read import read_table
from preprocess.workers import run_tasks

__all__ = ["MARKERS", "TRUTH", "SynthOptions", "Synthetic", "copy_suffix", "synth"]

CLASSES = ("not_fractured", "fractured")

TRUTH = "truth.csv"

MARKERS = "markers.json"

COLUMNS = ("path", "label", "patient", "film", "rotation_deg", "style", "side", "view_deg", "severity")


@dataclass(frozen=True)
class Synthetic:
    """A data set that was written.

    Args:
        root: its folder.
        patients: number of patients.
        films: number of films, copies not counted.
        files: number of image files.
        markers: number of markers on all files.
    """

    root: Path
    patients: int
    films: int
    files: int
    markers: int


@locked("out")
def synth(
    out: str | Path,
    options: SynthOptions | None = None,
    *,
    overwrite: bool = False,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Synthetic:
    """Write films to out/fractured and out/not_fractured, and their ground truth to truth.csv and markers.json (COCO).

    Film k depends only on k, the seed and the options of its appearance. Asking for more films does not change the
    first ones, and the same call writes the same bytes. A patient has one to three films of one forearm, all of one
    class.

    Args:
        out: a new or empty folder.
        options: number, size and content of the films. Default: `SynthOptions()`.
        overwrite: replace the films that an earlier call wrote to `out`.
        jobs: number of processes.
        progress: called with 1 after each film.
    Raises:
        ConfigError: an option is out of its range.
        OutputError: `out` is not empty, or cannot be written.
    """
    options = options or SynthOptions()
    check_options(options)
    root = Path(out)
    _prepare_folder(root, overwrite)
    tasks = (
        delayed(write_film)(root, plan, options)
        for plan in plan_films(options.films, options.seed, options.fractured_fraction)
    )
    rows, marked = _gather(run_tasks(jobs, tasks), progress)
    _write_truth(root, rows, marked)
    n_markers = sum(len(image.markers) for image in marked.values())
    return Synthetic(root, len({row["patient"] for row in rows}), options.films, len(rows), n_markers)


def _gather(
    written: Iterable[tuple[list[dict[str, Any]], dict[str, MarkedImage]]], progress: Callable[[int], None] | None
) -> tuple[list[dict[str, Any]], dict[str, MarkedImage]]:
    """Collect the rows of truth.csv and the markers of all films, as the films are written."""
    rows: list[dict[str, Any]] = []
    marked: dict[str, MarkedImage] = {}
    for film_rows, film_marked in written:
        rows += film_rows
        marked |= film_marked
        if progress:
            progress(1)
    return rows, marked


def copy_suffix(number: int) -> str:
    """Return the suffix of a copy: "-rotated1" to "-rotated3" for the first three copies of a film, then of copies of
    these: "-rotated1-rotated1" for the fourth, and so on."""
    suffix = ""
    while number > 0:
        number, digit = divmod(number - 1, 3)
        suffix = f"-rotated{digit + 1}" + suffix
    return suffix


def write_film(
    root: Path, plan: FilmPlan, options: SynthOptions
) -> tuple[list[dict[str, Any]], dict[str, MarkedImage]]:
    """Make and write one film and its copies; return its rows of truth.csv, and its markers by path."""
    cv2.setNumThreads(1)  # joblib distributes the cores
    film = make_film(plan, options)
    rng = np.random.default_rng([options.seed, plan.patient, 2, plan.view, 2])
    label, rows, marked = CLASSES[plan.fractured], [], {}
    for number, (angle, copy) in enumerate(_rotate_copies(film, options, rng)):
        path = f"{label}/{plan.number:04d}{copy_suffix(number)}{options.extension}"
        write_image(root / path, copy.image)
        rows.append(_row(path, label, plan, angle, film))
        marked[path] = MarkedImage(copy.image.shape[1], copy.image.shape[0], copy.markers)
    return rows, marked


def _rotate_copies(
    film: SyntheticFilm, options: SynthOptions, rng: np.random.Generator
) -> Iterator[tuple[float, SyntheticFilm]]:
    """Yield angle and film: first the film itself, then its copies; later ones are copies of copies."""
    angles = {0: 0.0}
    yield 0.0, film
    for number in range(1, options.copies + 1):
        angles[number] = angles[(number - 1) // 3] + float(rng.uniform(-60, 60))
        yield angles[number], rotate_film(film, angles[number], options.copy_px)


def _row(path: str, label: str, plan: FilmPlan, angle: float, film: SyntheticFilm) -> dict[str, Any]:
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


def _prepare_folder(root: Path, overwrite: bool) -> None:
    """Refuse a folder that is not empty, or with `overwrite` remove the films that its truth.csv lists."""
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root}: is a file; choose the name of a folder to write films to")
    if not root.is_dir() or not any(root.iterdir()):
        return
    if not overwrite:
        raise OutputError(
            f"{root}: is not empty; choose a new folder, or replace the films of an earlier run with --overwrite"
        )
    for path in _films_of_earlier_run(root):
        with suppress(FileNotFoundError):
            (root / path).unlink()


def _films_of_earlier_run(root: Path) -> list[str]:
    try:
        table = read_table(root / TRUTH, "")
    except DataError:
        table = None
    if table is None or table.columns != COLUMNS:
        raise OutputError(f"{root}: holds files that `fxkit synth` did not write; choose a new folder")
    paths = [Path(row.values["path"]) for row in table.rows]
    return [str(path) for path in paths if len(path.parts) == 2 and path.parts[0] in CLASSES and path.name != ".."]
