"""Small films with known markers."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from preprocess.coco import write_coco
from preprocess.detectors.markernet import CHANNELS
from preprocess.images import write_image
from preprocess.markers import MarkedImage, Marker, box_quad


def film(seed: int = 0, shape: tuple[int, ...] = (120, 90), dtype: str = "uint8") -> np.ndarray:
    """A noisy grey film with a bright bar for a bone."""
    pixels = np.random.default_rng(seed).normal(60, 4, shape)
    pixels[:, 20:32] += 90
    scale = 257 if dtype == "uint16" else 1
    return np.clip(pixels * scale, 0, 255 * scale).astype(dtype)


def block(shape: tuple[int, ...], rows: slice, columns: slice) -> np.ndarray:
    """A mask that is True in a rectangle."""
    mask = np.zeros(shape, bool)
    mask[rows, columns] = True
    return mask


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG keeps of an image."""
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_UNCHANGED)


def write_text(image: np.ndarray, text: str, at: tuple[int, int], size: float = 1.0) -> np.ndarray:
    """Burn text into an (H, W) uint8 film, in place."""
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 245, max(1, round(2 * size)), cv2.LINE_AA)
    return image


@pytest.fixture
def films(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Makes a folder of so many films, every third without a marker, and their COCO file; returns both."""

    def make(count: int, name: str = "films") -> tuple[Path, Path]:
        root, marked = tmp_path / name, {}
        for number in range(count):
            path = f"{'ab'[number % 2]}/film {number:02}.png"
            write_image(root / path, film(number))
            markers = () if number % 3 == 2 else (Marker(box_quad(50, 10, 80, 25), f"R{number}", 0.9),)
            marked[path] = MarkedImage(90, 120, markers)
        write_coco(tmp_path / f"{name}.json", marked)
        return root, tmp_path / f"{name}.json"

    return make


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too, with its bytes."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def said_of(*parts: tuple[int, list[tuple[float, float]], float], shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    """Logits of -6, with polygons (channel, corners in outer pixel coordinates, logit) painted into them."""
    said = np.full((CHANNELS, *shape), -6, np.float32)
    for channel, corners, value in parts:
        rows, columns = np.indices(shape) + 0.5
        outline = np.array(corners, np.float32)
        inside = [
            cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0
            for x, y in zip(columns.flat, rows.flat, strict=True)
        ]
        said[channel][np.reshape(inside, shape)] = value
    return said


def turned_box(angle_deg: float, length: float = 36, height: float = 14) -> np.ndarray:
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    half = np.array([(-length, -height), (length, -height), (length, height), (-length, height)]) / 2
    return half @ turn.T + [40, 30]
