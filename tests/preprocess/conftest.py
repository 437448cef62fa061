"""Small synthetic films with known markers."""

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
    """Return a noisy grey film with a bright bar in place of a bone."""
    pixels = np.random.default_rng(seed).normal(60, 4, shape)
    pixels[:, 20:32] += 90
    scale = 257 if dtype == "uint16" else 1
    return np.clip(pixels * scale, 0, 255 * scale).astype(dtype)


def block(shape: tuple[int, ...], rows: slice, columns: slice) -> np.ndarray:
    """Return a mask that is True in a rectangle."""
    mask = np.zeros(shape, bool)
    mask[rows, columns] = True
    return mask


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Encode an image as JPEG and decode it again."""
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_UNCHANGED)


def write_text(image: np.ndarray, text: str, at: tuple[int, int], size: float = 1.0) -> np.ndarray:
    """Write bright text on an (H, W) uint8 film in place, and return the film."""
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 245, max(1, round(2 * size)), cv2.LINE_AA)
    return image


@pytest.fixture
def films(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Return a function that writes a folder of films and their COCO file. Every third film has no marker."""

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
    """Return the bytes of every file below a folder, hidden ones included, by relative path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def logits_with(*parts: tuple[int, list[tuple[float, float]], float], shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    """Return network logits of -6 with polygons in them: (channel, corners in outer pixel coordinates, logit)."""
    logits = np.full((CHANNELS, *shape), -6, np.float32)
    for channel, corners, value in parts:
        rows, columns = np.indices(shape) + 0.5
        outline = np.array(corners, np.float32)
        inside = [
            cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0
            for x, y in zip(columns.flat, rows.flat, strict=True)
        ]
        logits[channel][np.reshape(inside, shape)] = value
    return logits


def turned_box(angle_deg: float, length: float = 36, height: float = 14) -> np.ndarray:
    """Return the (4, 2) corners of a box around (40, 30), turned by an angle."""
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    half = np.array([(-length, -height), (length, -height), (length, height), (-length, height)]) / 2
    return half @ turn.T + [40, 30]
