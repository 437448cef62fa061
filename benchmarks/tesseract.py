"""Tesseract as a marker remover for comparison: its words at four quarter turns are masked and inpainted (Telea).

Tesseract gets the same help as OCR in fxkit: small films are enlarged, and words larger than 7 % of the film are
ignored, because Tesseract often sees the whole film as a word.
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

CONFIDENCE = 30  # least confidence of a word, of 100
SIDE_PX, ENLARGE = 1600, 3.0  # 224 px copies are enlarged three times: Tesseract expects letters of about 30 px
PAGE = "11"  # --psm: sparse text in any order


@dataclass(frozen=True)
class Cost:
    """Time and memory of a run.

    Args:
        wall_s: wall time per film, with all processes.
        cpu_s: CPU time per film.
        peak_mb: peak memory of the largest process.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


def is_installed() -> bool:
    return shutil.which("tesseract") is not None


def erase_words(root: Path, paths: Sequence[str], out: Path, jobs: int, masks_only: bool) -> Cost:
    """Write masks or cleaned films as PNG files below `out`. Each call of Tesseract loads its model again."""
    cv2.setNumThreads(1)
    start, busy = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(jobs) as threads:  # each thread waits for its own process
        usage = list(
            threads.map(lambda path: _erase_file(root / path, (out / path).with_suffix(".png"), masks_only), paths)
        )
    main_cpu = (time.process_time() - busy) / len(paths)
    cpu = main_cpu + sum(cpu for cpu, _ in usage) / len(paths)
    return Cost((time.perf_counter() - start) / len(paths), cpu, max(peak for _, peak in usage))


def _erase_file(source: Path, target: Path, masks_only: bool) -> tuple[float, float]:
    """Erase one film; return the CPU time in seconds and the peak memory in MB of the calls."""
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
    write_image(target, mask.astype(np.uint8) * 255 if masks_only else _inpaint(image, mask))
    return cpu, peak


def _inpaint(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return cv2.inpaint(image, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA) if mask.any() else image


def _words(image: np.ndarray) -> tuple[list[tuple[int, int, int, int]], float, float]:
    """Return boxes (x0, y0, x1, y1) of words in an (H, W) uint8 image, CPU time in s and peak memory in MB."""
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
    words = [row for row in rows if float(row["conf"]) >= CONFIDENCE and (row["text"] or "").strip()]
    corners = [[int(row[name]) for name in ("left", "top", "width", "height")] for row in words]
    boxes = [(x, y, x + w, y + h) for x, y, w, h in corners if w * h <= MAX_AREA_FRACTION * image.size]
    return boxes, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
