"""Clean one file of a folder: read it, find and erase its markers, write the output, and return its ledger row."""

import errno
import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

from preprocess.clean_image import Cleaned, clean_image, erase, find_markers, search_again
from preprocess.detectors.build import build_detector
from preprocess.detectors.ocr import Detector
from preprocess.dicom import is_dicom, open_dicom
from preprocess.dicom_output import Erasure, count_overlays, erase_in_dicom, say_whether_burned_in
from preprocess.errors import AreaError, DetectorError, ImageError, KnownError, MarkerFileError, OutputError
from preprocess.files import sha256_of, write_atomic
from preprocess.formats.dicom_frame import count_frames
from preprocess.image_files import read_bytes
from preprocess.images import Array, decode_image, encode_image, to_grey8
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
        dicom_out: see `FolderOptions`.
        overlays: see `FolderOptions`.
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
    dicom_out: str = "dicom"
    overlays: str = "keep"


@dataclass(frozen=True)
class FileTask:
    """One file to clean.

    Args:
        path: path of the file, relative to the root.
        png_name: path of its PNG in the output folder; None if another file already has this name.
        listed: what the marker file lists for this image, or the markers of a person; None if neither has the image.
        judged: the listed markers are those of a person who judged the film. They are erased, and no others.
    """

    path: str
    png_name: str | None
    listed: MarkedImage | None
    judged: bool = False


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


@dataclass(frozen=True)
class _Output:
    """What is written for one file, and what is known of it.

    Attributes:
        status: as in the ledger.
        name: path of the output, relative to the output folder.
        content: its bytes; b"" for a dry run.
        cleaned: the cleaned film; of a DICOM file, that of the first frame.
        overlays: number of overlay planes in the output.
    """

    status: Status
    name: str
    content: bytes
    cleaned: Cleaned
    overlays: int = 0


def _clean_and_write(plan: CleaningPlan, task: FileTask) -> LedgerRow:
    source = plan.root / task.path
    data = read_bytes(source)
    image = decode_image(source, data, max_pixels=plan.max_pixels)
    stays_dicom = is_dicom(source, data) and plan.dicom_out == "dicom" and not plan.masks_only
    try:
        output = (_clean_dicom if stays_dicom else _clean_picture)(plan, task, data, image)
    except AreaError as error:
        raise AreaError(f"{source}: {error}") from error
    content = b"" if plan.dry_run else output.content
    if content:
        write_atomic(plan.out / output.name, content)
    return LedgerRow(
        path=task.path,
        output=output.name,
        status=output.status,
        markers=output.cleaned.markers,
        mask_fraction=round(float(output.cleaned.mask.mean()), 6),
        width=image.shape[1],
        height=image.shape[0],
        sha256=hashlib.sha256(data).hexdigest(),
        output_sha256=hashlib.sha256(content).hexdigest() if content else "",
        one_value=has_one_value(image),
        residual=output.cleaned.residual,
        overlays=output.overlays,
        judged=task.judged,
    )


def _clean_picture(plan: CleaningPlan, task: FileTask, data: bytes, image: Array) -> _Output:
    cleaned = _clean(plan, task, image)
    status: Status = "masked" if plan.masks_only else "cleaned" if cleaned.mask.any() else "copied"
    name = task.path if status == "copied" else task.png_name
    if name is None:
        raise ImageError(f"{plan.root / task.path}: its PNG would have the name of another file; rename one of them")
    content = data if plan.dry_run else _picture_content(plan.out / name, data, cleaned, status)
    return _Output(status, name, content, cleaned)


def _picture_content(target: Path, data: bytes, cleaned: Cleaned, status: Status) -> bytes:
    """Return the bytes of the output file: a copy of the source, a mask, or the cleaned image."""
    if status == "copied":
        return data
    return encode_image(target, cleaned.mask.astype("uint8") * 255 if status == "masked" else cleaned.image)


def _clean_dicom(plan: CleaningPlan, task: FileTask, data: bytes, image: Array) -> _Output:
    """Clean a DICOM file into a DICOM file. Markers of any frame are erased on all frames."""
    path = plan.root / task.path
    dataset = open_dicom(path, data, max_pixels=plan.max_pixels)
    cleaned = _clean(plan, task, image)
    if count_frames(dataset) > 1:
        later = (decode_image(path, data, max_pixels=plan.max_pixels, frame=n) for n in range(1, count_frames(dataset)))
        cleaned = cleaned if _is_given(plan, task) else _add_markers_of(plan, later, image, cleaned)
    n_overlays, erases_overlays = count_overlays(dataset), plan.overlays == "erase"
    if not cleaned.mask.any() and not (n_overlays and erases_overlays):
        return _Output("copied", task.path, data, cleaned, n_overlays)
    detector = "a person" if task.judged else plan.marker_file or plan.settings.detector
    erasure = Erasure(cleaned.mask, plan.settings.mode, cleaned.markers, detector, erase_overlays=erases_overlays)
    content = erase_in_dicom(path, data, erasure, max_pixels=plan.max_pixels)
    if not _is_given(plan, task) and cleaned.mask.any():
        cleaned = replace(cleaned, image=decode_image(path, content, max_pixels=plan.max_pixels))
        cleaned = search_again(cleaned, _detector_of(plan), plan.settings)
        leaves_some = bool(cleaned.residual or plan.settings.keep or plan.settings.only)
        content = say_whether_burned_in(path, content, burned_in=leaves_some)
    return _Output("cleaned", task.path, content, cleaned, 0 if erases_overlays else n_overlays)


def _add_markers_of(plan: CleaningPlan, frames: Iterable[Array], first: Array, cleaned: Cleaned) -> Cleaned:
    """Add the markers that a detector finds on later frames of a file to those erased on the first frame."""
    found = {marker.quad: marker for marker in cleaned.markers}  # one at the same place on several frames counts once
    for frame in frames:
        for marker in find_markers(to_grey8(frame), _detector_of(plan), plan.settings):
            found.setdefault(marker.quad, marker)
    return erase(first, list(found.values()), plan.settings)


def _is_given(plan: CleaningPlan, task: FileTask) -> bool:
    """Return whether the markers of a file are given, so that no detector runs."""
    return task.judged or bool(plan.marker_file)


def _clean(plan: CleaningPlan, task: FileTask, image: Array) -> Cleaned:
    if not _is_given(plan, task):
        return clean_image(image, _detector_of(plan), plan.settings)
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
        _detector_of(plan)


def _detector_of(plan: CleaningPlan) -> Detector:
    return _detector(plan.settings, plan.threads, plan.easyocr_models)


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
