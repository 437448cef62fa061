"""Small films whose class shows in the bone, and in the corner that bears the marker; functions that read one of both.

A bone is a bright stripe in the middle, on fractured films a little brighter on average. A marker is an R in the upper
left corner of most fractured films, and in the upper right corner of most others.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.coco import write_coco
from preprocess.images import write_image
from preprocess.markers import MarkedImage, Marker, as_quad

CLASSES = ("not_fractured", "fractured")
SIDE = 96
LEFT, RIGHT = (6, 4), (70, 4)  # x, y of the marker
MARKER_PX = (20, 22)  # its width and height


def write_marker_films(root: Path, *, films: int = 160, correlation: float = 0.9, seed: int = 0) -> Path:
    """Write the films into a folder for each class, markers.json, and truth.csv."""
    rng, marked, lines = np.random.default_rng(seed), {}, ["path,label"]
    for number in range(films):
        fractured = number % 2
        at_left = bool(fractured) if rng.random() < correlation else bool(rng.random() < 0.5)
        path = f"{CLASSES[fractured]}/{number:03d}.png"
        image, marker = draw_film(bool(fractured), at_left, rng)
        write_image(root / path, image)
        marked[path] = MarkedImage(SIDE, SIDE, (marker,))
        lines.append(f"{path},{CLASSES[fractured]}")
    write_coco(root / "markers.json", marked)
    (root / "truth.csv").write_text("\n".join(lines) + "\n")
    return root


def draw_film(fractured: bool, at_left: bool, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Marker]:
    film = np.full((SIDE, SIDE), 60.0)
    film[:, 40:56] = 150 + 20 * fractured + rng.normal(0, 12)
    film += cv2.GaussianBlur(rng.normal(0, 30, film.shape), (0, 0), 3)
    image = np.ascontiguousarray(np.clip(film, 0, 255).astype(np.uint8))
    (x, y), (width, height) = (LEFT if at_left else RIGHT), MARKER_PX
    cv2.putText(image, "R", (x, y + height - 2), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 3, cv2.LINE_AA)
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return image, Marker(quad=as_quad(corners), text="R", style="burned")


def _two_columns(evidence: list[float]) -> NDArray[np.float64]:
    p = 1 / (1 + np.exp(-np.asarray(evidence)))
    return np.stack([1 - p, p], axis=1)


def reads_marker(films: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Call films fractured whose upper left corner is brighter than the upper right one."""
    return _two_columns([(film[:30, :30].mean() - film[:30, -30:].mean()) / 20 for film in films])


def reads_bone(films: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Call films with a bright bone fractured; blind to the markers."""
    return _two_columns([(film[40:, 40:56].mean() - 160) / 10 for film in films])


reads_marker.classes = CLASSES  # type: ignore[attr-defined]
reads_bone.classes = CLASSES  # type: ignore[attr-defined]
