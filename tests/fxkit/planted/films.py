"""Made films of two classes that a small network can tell apart honestly: hatched from the left or from the right.

Brightness, contrast and size do not tell the classes. Each film bears a letter in a corner, whatever its class.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

SIDE_PX = 128
CLASSES = ("intact", "fractured")


@dataclass(frozen=True)
class Film:
    """A film to make.

    Attributes:
        number: decides the noise, and is its name.
        patient: "" for none.
        letter: "" for a film without a marker.
        contrast: of the hatching, in grey levels; 0 gives films of both classes the same appearance.
    """

    number: int
    label: str
    patient: str
    split: str = ""
    site: str = ""
    letter: str = "R"
    contrast: float = 25.0

    @property
    def path(self) -> str:
        return f"{self.label}/{self.number:04d}.png"


def make_films(n: int, *, first: int = 0, **fields: object) -> list[Film]:
    """Return n films of n patients, half of each class, with a letter drawn independently of the class."""
    letters = np.random.default_rng(first).permutation(["L", "R"] * n)
    return [
        Film(
            **{  # type: ignore[arg-type]
                "number": i,
                "label": CLASSES[i % 2],
                "patient": f"P{i:04d}",
                "letter": str(letters[i - first]),
                **fields,
            }
        )
        for i in range(first, first + n)
    ]


def draw(film: Film) -> Grey:
    """Draw a film, (SIDE_PX, SIDE_PX) uint8."""
    rng = np.random.default_rng(film.number)
    cloud = cv2.GaussianBlur(rng.normal(0, 1, (SIDE_PX, SIDE_PX)), (0, 0), 9)
    image = 90 + 25 * cloud / cloud.std() + rng.normal(0, 3, cloud.shape)
    rows, columns = np.indices(image.shape)
    sign = 1 if film.label == "fractured" else -1
    phase, (y, x) = rng.uniform(0, 2 * np.pi), rng.uniform(40, SIDE_PX - 40, 2)
    window = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 22**2))
    image += film.contrast * window * np.sin((rows + sign * columns) / 3 + phase)
    out = np.clip(image, 0, 255).astype(np.uint8)
    if film.letter:
        cv2.putText(out, film.letter, corner(film), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 2, cv2.LINE_AA)
    return out


def corner(film: Film) -> tuple[int, int]:
    """Return the left end of the letter's base line, (x, y) in pixels."""
    return (6, 22) if film.number % 3 else (SIDE_PX - 24, 22)


def write_films(
    folder: Path, films: Sequence[Film], columns: Sequence[str] = ("patient",), name: str = "films.csv"
) -> Path:
    """Write the films, markers.json, and a table with path, label and the columns; return the path of the table."""
    lines = [",".join(("path", "label", *columns))]
    for film in films:
        (folder / film.path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / film.path), draw(film))
        lines.append(",".join((film.path, film.label, *(getattr(film, column) for column in columns))))
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def write_markers(file: Path, films: Sequence[Film], listed: Callable[[Film], bool] = lambda film: True) -> Path:
    """Write a COCO file with all films, and the letters of the listed ones."""
    images = [{"id": i, "file_name": film.path, "width": SIDE_PX, "height": SIDE_PX} for i, film in enumerate(films)]
    marked = [(i, film) for i, film in enumerate(films) if film.letter and listed(film)]
    boxes = [
        {"id": n, "image_id": i, "category_id": 1, "bbox": [corner(film)[0] - 3, 2, 24, 25], "area": 600}
        for n, (i, film) in enumerate(marked)
    ]
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "marker"}]}
    file.write_text(json.dumps(content))
    return file
