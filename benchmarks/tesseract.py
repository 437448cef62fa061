"""Tesseract as a marker remover to compare with: its words at four quarter turns, masked and inpainted (Telea).

It is given what helps it: small films enlarged, and words of over 7 % of the film, which it often sees in a whole
film, left out, as fxkit does with OCR.
"""

import csv
import io
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from preprocess.clean_image import build_mask
from preprocess.detectors.ocr import MAX_AREA_FRACTION, scale_to_fit
from preprocess.detectors.views import views
from preprocess.images import read_image, to_grey8, write_image
from preprocess.markers import Marker, as_quad, box_quad
from preprocess.settings import CleanSettings

CONFIDENCE = 30  # of 100, from which a word counts
SIDE_PX, ENLARGE = 1600, 3.0  # copies of 224 px are enlarged three times: Tesseract expects letters of some 30 px
PAGE = "11"  # --psm: sparse text in no order


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Args:
        wall_s: a film's share of the time, all processes together.
        cpu_s: a film's processor time.
        peak_mb: of the largest process.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


def is_there() -> bool:
    return shutil.which("tesseract") is not None


def erase_words(root: Path, paths: Sequence[str], out: Path, jobs: int, masks_only: bool) -> Cost:
    """Write masks or cleaned films as PNGs below `out`; each call of Tesseract loads its model anew."""
    cv2.setNumThreads(1)
    start, busy = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(jobs) as threads:  # each waits for a process of its own
        usage = list(threads.map(lambda path: _one(root / path, (out / path).with_suffix(".png"), masks_only), paths))
    here = (time.process_time() - busy) / len(paths)
    cpu = here + sum(cpu for cpu, _ in usage) / len(paths)
    return Cost((time.perf_counter() - start) / len(paths), cpu, max(peak for _, peak in usage))


def _one(source: Path, target: Path, masks_only: bool) -> tuple[float, float]:
    """Processor time and peak memory of the calls."""
    image = read_image(source)
    grey = to_grey8(image)
    small = scale_to_fit(grey, max(SIDE_PX, *grey.shape), ENLARGE)
    scale = np.divide(grey.shape[::-1], small.shape[::-1])
    markers, cpu, peak = [], 0.0, 0.0
    for view in views(4, False):
        boxes, spent, most = _words(np.ascontiguousarray(view.show(small)))
        cpu, peak = cpu + spent, max(peak, most)
        markers += [Marker(as_quad(view.back(box_quad(*box), small.shape) * scale)) for box in boxes]
    mask = build_mask(grey.shape, markers, CleanSettings())
    write_image(target, mask.astype(np.uint8) * 255 if masks_only else _inpainted(image, mask))
    return cpu, peak


def _inpainted(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return cv2.inpaint(image, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA) if mask.any() else image


def _words(image: np.ndarray) -> tuple[list[tuple[int, int, int, int]], float, float]:
    """Boxes (x0, y0, x1, y1) of the words in an (H, W) uint8 image; processor time, s, and peak memory, MB."""
    command = ["tesseract", "stdin", "stdout", "--psm", PAGE, "tsv"]
    one_thread = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=one_thread) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(cv2.imencode(".bmp", image)[1].tobytes())
        process.stdin.close()
        text = process.stdout.read().decode("utf-8", "replace")
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"tesseract ended with {process.returncode}")
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    found = [row for row in rows if float(row["conf"]) >= CONFIDENCE and (row["text"] or "").strip()]
    corners = [[int(row[name]) for name in ("left", "top", "width", "height")] for row in found]
    boxes = [(x, y, x + w, y + h) for x, y, w, h in corners if w * h <= MAX_AREA_FRACTION * image.size]
    return boxes, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
