"""Find and read text with easyocr, whose networks have to be downloaded once."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.detectors.reading import Found, Grey
from preprocess.errors import DetectorError
from preprocess.markers import as_quad, box_quad

FILES = ("craft_mlt_25k.pth", "english_g2.pth")

SURE = 0.7  # easyocr's own threshold: it reports nothing less sure, and does not say how sure

SOURCE = "https://www.jaided.ai/easyocr/modelhub"


class EasyReader:
    """A TextReader on easyocr.

    Args:
        models: folder of its two networks; by default easyocr's own.
        threads: processor threads for torch.
    Raises:
        DetectorError: there is no such folder, a network is neither in it nor to be had from the net, or the file
            is damaged.
    """

    def __init__(self, models: Path | None = None, threads: int = 1) -> None:
        if models is not None and not models.is_dir():  # easyocr would make it
            raise DetectorError(_advice(models, list(FILES), FileNotFoundError("no such folder")))
        import torch

        torch.set_num_threads(threads)
        self._reader: Any = _load(models or default_folder())

    def find(self, image: Grey) -> list[Found]:
        """Return where text may stand in an (H, W) uint8 image; each counts as SURE."""
        with _quiet():
            boxes, quads = self._reader.detect(image, min_size=5)
        upright = [box_quad(x0, y0, x1, y1) for x0, x1, y0, y1 in boxes[0]]
        return [(quad, SURE) for quad in (*upright, *map(as_quad, quads[0]))]

    def read(self, image: Grey) -> tuple[str, float]:
        """Return the one line of text in an (H, W) uint8 image, with a confidence from 0 to 1."""
        with _quiet():
            lines = self._reader.recognize(np.ascontiguousarray(image))
        text, confidence = (lines[0][1], float(lines[0][2])) if lines else ("", 0.0)
        return text, min(max(confidence, 0.0), 1.0)


@contextmanager
def _quiet() -> Iterator[None]:
    """easyocr makes torch warn of its own age at every call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def default_folder() -> Path:
    """Return the folder in which easyocr keeps its networks."""
    home = os.environ.get("EASYOCR_MODULE_PATH") or os.environ.get("MODULE_PATH") or Path.home() / ".EasyOCR"
    return Path(home) / "model"


def _load(folder: Path) -> Any:
    """Files that are there are never replaced: easyocr would delete one whose checksum it does not know."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    logging.getLogger("easyocr").setLevel(logging.ERROR)
    try:
        import easyocr

        with _quiet():
            return easyocr.Reader(
                ["en"],
                gpu=False,
                model_storage_directory=str(folder),
                download_enabled=len(missing) == len(FILES),
                verbose=False,
            )
    except Exception as error:
        raise DetectorError(_advice(folder, missing, error)) from error


def _advice(folder: Path, missing: list[str], error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    if missing:
        found = f"{' and '.join(missing)} missing, and not downloaded ({reason})"
    else:
        found = f"its networks cannot be loaded ({reason})"
    return (
        f"{folder}: easyocr: {found}; put {' and '.join(FILES)} (unzipped, from {SOURCE}) into this folder, "
        "name another with --easyocr-models, or use --detector rapidocr"
    )
