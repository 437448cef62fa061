"""Find and read text with easyocr. Its network files must be downloaded once."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.detectors.reading import Grey, ScoredQuad
from preprocess.errors import DetectorError
from preprocess.markers import as_quad, box_quad

FILES = ("craft_mlt_25k.pth", "english_g2.pth")

SCORE = 0.7  # easyocr's own detection threshold: it returns only text above it, without a score

SOURCE = "https://www.jaided.ai/easyocr/modelhub"


class EasyReader:
    """A TextReader that uses easyocr.

    Args:
        models: folder with the two network files; by default easyocr's own folder.
        threads: number of processor threads for torch.
    Raises:
        DetectorError: the folder does not exist, a network file is missing and cannot be downloaded, or it is damaged.
    """

    def __init__(self, models: Path | None = None, threads: int = 1) -> None:
        if models is not None and not models.is_dir():  # easyocr would create it
            raise DetectorError(_error_text(models, list(FILES), FileNotFoundError("no such folder")))
        import torch

        torch.set_num_threads(threads)
        self._reader: Any = _load(models or default_folder())

    def find(self, image: Grey) -> list[ScoredQuad]:
        """Return the quads in an (H, W) uint8 image that may hold text, each with SCORE."""
        with _no_warnings():
            boxes, quads = self._reader.detect(image, min_size=5)
        upright = [box_quad(x0, y0, x1, y1) for x0, x1, y0, y1 in boxes[0]]
        return [(quad, SCORE) for quad in (*upright, *map(as_quad, quads[0]))]

    def read(self, image: Grey) -> tuple[str, float]:
        """Return the text of an (H, W) uint8 image that holds one line, and the confidence from 0 to 1."""
        with _no_warnings():
            lines = self._reader.recognize(np.ascontiguousarray(image))
        text, confidence = (lines[0][1], float(lines[0][2])) if lines else ("", 0.0)
        return text, min(max(confidence, 0.0), 1.0)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence the deprecation warnings that torch prints on every call to easyocr."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def default_folder() -> Path:
    """Return the folder where easyocr keeps its network files."""
    home = os.environ.get("EASYOCR_MODULE_PATH") or os.environ.get("MODULE_PATH") or Path.home() / ".EasyOCR"
    return Path(home) / "model"


def _load(folder: Path) -> Any:
    """Load the networks, and download them only if both files are missing.

    With downloads enabled, easyocr would delete a file whose checksum it does not know.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    logging.getLogger("easyocr").setLevel(logging.ERROR)
    try:
        import easyocr

        with _no_warnings():
            return easyocr.Reader(
                ["en"],
                gpu=False,
                model_storage_directory=str(folder),
                download_enabled=len(missing) == len(FILES),
                verbose=False,
            )
    except Exception as error:
        raise DetectorError(_error_text(folder, missing, error)) from error


def _error_text(folder: Path, missing: list[str], error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    if missing:
        problem = f"{' and '.join(missing)} missing, and not downloaded ({reason})"
    else:
        problem = f"the networks cannot be loaded ({reason})"
    return (
        f"{folder}: easyocr: {problem}; put {' and '.join(FILES)} (unzipped, from {SOURCE}) into this folder, "
        "name another with --easyocr-models, or use --detector rapidocr"
    )
