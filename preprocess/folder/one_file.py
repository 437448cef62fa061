"""Clean one file of a folder: read it, find and erase its markers, write the output, and return its ledger row."""

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
from preprocess.image_files import read_bytes
from preprocess.images import Array, decode_image, encode_image
from preprocess.ledger import LedgerRow, Status
from preprocess.markers import MarkedImage
from preprocess.one_value import has_one_value
from preprocess.settings import CleanSettings

BAD_NAME_ERRORS = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}  # the file system refuses the name of one file


@dataclass(frozen=True)
class CleaningPlan:
    """Settings that all files of a run share.

    Args:
        root: folder of the films.
        out: output folder.
        settings: how markers are found and erased.
        masks_only: write masks instead of images.
        dry_run: write nothing.
        max_pixels: images with more pixels are refused.
        threads: processor threads of each process.
        easyocr_models: folder of the EasyOCR model files; None if EasyOCR is not used.
        marker_file: name of the COCO file whose markers are erased; empty if a detector finds the markers.
    """

    root: Path
    out: Path
    settings: CleanSettings
    masks_only: bool
    dry_run: bool
    max_pixels: int
    threads: int
    easyocr_models: str | None
    marker_file: str


@dataclass(frozen=True)
class FileTask:
    """One file to clean.

    Args:
        path: path of the file, relative to the root.
        png_name: path of its PNG in the output folder; None if another file already has this name.
        listed: what the marker file lists for this image; None if it does not list the image.
    """

    path: str
    png_name: str | None
    listed: MarkedImage | None


def clean_file(plan: CleaningPlan, task: FileTask) -> LedgerRow:
    """Clean one file and return its row; an error of this file alone makes the row `failed`.

    Raises:
        DetectorError: the detector or its models are missing.
        OutputError: the disk is full, or the output folder cannot be written.
    """
    try:
        return _clean_and_write(plan, task)
    except DetectorError:
        raise
    except OutputError as error:
        if getattr(error.__cause__, "errno", None) not in BAD_NAME_ERRORS:
            raise
        reason = str(error)
    except KnownError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001  one file must not stop the others, whatever it triggers
        reason = f"{task.path}: cannot be cleaned ({type(error).__name__}: {error})"
    return LedgerRow(
        task.path,
        "",
        "failed",
        sha256=_sha256_or_empty(plan.root / task.path),
        error=strip_folders(reason, plan),
    )


def _clean_and_write(plan: CleaningPlan, task: FileTask) -> LedgerRow:
    source = plan.root / task.path
    data = read_bytes(source)
    image = decode_image(source, data, max_pixels=plan.max_pixels)
    try:
        cleaned = _clean(plan, task, image)
    except AreaError as error:
        raise AreaError(f"{source}: {error}") from error
    has_markers = bool(cleaned.mask.any())
    status: Status = "masked" if plan.masks_only else "cleaned"
    output = task.png_name
    if not has_markers and not plan.masks_only:
        status, output = "copied", task.path
    if output is None:
        raise ImageError(f"{source}: its PNG would have the name of another file; rename one of them")
    content = b"" if plan.dry_run else _output_content(plan.out / output, data, cleaned, status)
    if content:
        write_atomic(plan.out / output, content)
    return LedgerRow(
        path=task.path,
        output=output,
        status=status,
        markers=cleaned.markers,
        mask_fraction=round(float(cleaned.mask.mean()), 6),
        width=image.shape[1],
        height=image.shape[0],
        sha256=hashlib.sha256(data).hexdigest(),
        output_sha256=hashlib.sha256(content).hexdigest() if content else "",
        one_value=has_one_value(image),
    )


def _clean(plan: CleaningPlan, task: FileTask, image: Array) -> Cleaned:
    if not plan.marker_file:
        return clean_image(image, _detector(plan.settings, plan.threads, plan.easyocr_models), plan.settings)
    if task.listed is None:
        raise MarkerFileError(
            f"{plan.root / task.path}: not in {plan.marker_file}; list it with no annotations if it has no markers"
        )
    height, width = image.shape[:2]
    if task.listed.markers and (task.listed.width, task.listed.height) != (width, height):
        raise MarkerFileError(
            f"{plan.root / task.path}: {width} x {height} px, but the marker file says {task.listed.width} x "
            f"{task.listed.height}; annotate the image at its current size"
        )
    return erase(image, task.listed.markers, plan.settings)


def check_detector(plan: CleaningPlan) -> None:
    """Build the detector if the run needs one, so that a missing detector is reported before anything is written.

    Raises:
        DetectorError: the detector or its models are missing.
    """
    if not plan.marker_file:
        _detector(plan.settings, plan.threads, plan.easyocr_models)


def _detector(*key: Any) -> Detector:
    """Return the detector of this thread; detectors are not thread-safe, so each thread builds its own once."""
    if getattr(_built, "key", None) != key:
        settings, threads, easyocr_models = key
        cv2.setNumThreads(threads)
        _built.detector = build_detector(settings, threads=threads, easyocr_models=easyocr_models)
        _built.key = key
    detector: Detector = _built.detector
    return detector


_built = threading.local()


def _output_content(target: Path, data: bytes, cleaned: Cleaned, status: Status) -> bytes:
    """Return the bytes of the output file: a copy of the source, a mask, or the cleaned image."""
    if status == "copied":
        return data
    return encode_image(target, cleaned.mask.astype("uint8") * 255 if status == "masked" else cleaned.image)


def _sha256_or_empty(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""


def strip_folders(text: str, plan: CleaningPlan) -> str:
    """Return an error text without the input or output folder that it starts with.

    These folders have different paths on different machines, and the ledger must not depend on them.
    """
    return text.removeprefix(f"{plan.root}/").removeprefix(f"{plan.out}/")
