"""Clean one file of a folder: read it, find and erase its markers, write what comes of it, and say what was done."""

import errno
import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from preprocess.clean_image import Cleaned, clean_image, erase
from preprocess.detectors.build import build_detector
from preprocess.detectors.ocr import Detector
from preprocess.errors import AreaError, DetectorError, ImageError, KnownError, MarkerFileError, OutputError
from preprocess.files import sha256_of, write_atomic
from preprocess.images import Array, decode_image, encode_image, read_bytes
from preprocess.ledger import LedgerRow, Status
from preprocess.markers import MarkedImage
from preprocess.settings import CleanSettings

ONE_FILE_ONLY = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}  # a name that the output place does not take


@dataclass(frozen=True)
class Plan:
    """What all files of a run have in common.

    Args:
        markers: name of the COCO file whose markers are erased; empty when markers are detected.
    """

    root: Path
    out: Path
    settings: CleanSettings
    masks_only: bool
    dry_run: bool
    max_pixels: int
    threads: int
    easyocr_models: str | None
    markers: str


@dataclass(frozen=True)
class Task:
    """One file: its path, the name of a PNG made of it (None: there is none to be had), and its given markers."""

    path: str
    png: str | None
    given: MarkedImage | None


def clean_file(plan: Plan, task: Task) -> LedgerRow:
    """Clean one file; only what would stop every other file too is raised."""
    try:
        return _do(plan, task)
    except DetectorError:
        raise
    except OutputError as error:
        if getattr(error.__cause__, "errno", None) not in ONE_FILE_ONLY:
            raise
        reason = str(error)
    except KnownError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001  whatever one file brings up must not stop the others
        reason = f"{task.path}: cannot be cleaned ({type(error).__name__}: {error})"
    return LedgerRow(
        task.path,
        "",
        "failed",
        sha256=_sha256_or_none(plan.root / task.path),
        error=short(reason, plan),
    )


def _do(plan: Plan, task: Task) -> LedgerRow:
    source = plan.root / task.path
    data = read_bytes(source)
    image = decode_image(source, data, max_pixels=plan.max_pixels)
    try:
        cleaned = _clean(plan, task, image)
    except AreaError as error:
        raise AreaError(f"{source}: {error}") from error
    marked = bool(cleaned.mask.any())
    status: Status = "masked" if plan.masks_only else "cleaned"
    output = task.png
    if not marked and not plan.masks_only:
        status, output = "copied", task.path
    if output is None:
        raise ImageError(f"{source}: the PNG made of it would take another file's name; rename one of them")
    made = b"" if plan.dry_run else _made(plan.out / output, data, cleaned, status)
    if made:
        write_atomic(plan.out / output, made)
    return LedgerRow(
        path=task.path,
        output=output,
        status=status,
        markers=cleaned.markers,
        mask_fraction=round(float(cleaned.mask.mean()), 6),
        width=image.shape[1],
        height=image.shape[0],
        sha256=hashlib.sha256(data).hexdigest(),
        output_sha256=hashlib.sha256(made).hexdigest() if made else "",
    )


def _clean(plan: Plan, task: Task, image: Array) -> Cleaned:
    if not plan.markers:
        return clean_image(image, _detector(plan.settings, plan.threads, plan.easyocr_models), plan.settings)
    if task.given is None:
        raise MarkerFileError(
            f"{plan.root / task.path}: not in {plan.markers}; list it with no annotations if it has no markers"
        )
    height, width = image.shape[:2]
    if task.given.markers and (task.given.width, task.given.height) != (width, height):
        raise MarkerFileError(
            f"{plan.root / task.path}: {width} x {height} px, but the marker file says {task.given.width} x "
            f"{task.given.height}; annotate the image as it is now"
        )
    return erase(image, task.given.markers, plan.settings)


def check_detector(plan: Plan) -> None:
    """Build the detector, if one is needed, so that a missing one is told before anything is written.

    Raises:
        DetectorError: it or its models are missing.
    """
    if not plan.markers:
        _detector(plan.settings, plan.threads, plan.easyocr_models)


def _detector(*key: Any) -> Detector:
    """Each thread builds its detector once: detectors are not made for several."""
    if getattr(_built, "key", None) != key:
        settings, threads, easyocr_models = key
        cv2.setNumThreads(threads)
        _built.detector = build_detector(settings, threads=threads, easyocr_models=easyocr_models)
        _built.key = key
    found: Detector = _built.detector
    return found


_built = threading.local()


def _made(target: Path, data: bytes, cleaned: Cleaned, status: Status) -> bytes:
    """Return the bytes of the output file."""
    if status == "copied":
        return data
    return encode_image(target, cleaned.mask.astype("uint8") * 255 if status == "masked" else cleaned.image)


def _sha256_or_none(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""


def short(text: str, plan: Plan) -> str:
    """Return an error's text, which opens with a path, without the folders that lie elsewhere on other machines."""
    return text.removeprefix(f"{plan.root}/").removeprefix(f"{plan.out}/")
