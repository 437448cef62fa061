"""The films of `accuracy.py`: forearms with two copies of each film, and hands of another hospital."""

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from preprocess.errors import ImageError
from preprocess.images import read_image, to_grey8

COPIES = 2  # of each film, besides the original
HANDS = 400  # films of each class
LONG_SIDE = 640  # px; larger films are reduced when they are read


@dataclass(frozen=True)
class Film:
    path: Path
    label: int
    film: str
    patient: str


def read_film(path: Path) -> np.ndarray:
    image = to_grey8(read_image(path))
    factor = min(1.0, LONG_SIDE / max(image.shape))
    size = [max(1, round(side * factor)) for side in image.shape[::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor < 1 else image


def forearms(root: Path) -> list[Film]:
    """List each forearm film with COPIES randomly drawn copies."""
    by_stem: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader((root / "patients.csv").open()):
        by_stem.setdefault(row["stem"], []).append(row)
    rng = np.random.default_rng(0)
    chosen = []
    for _, rows in sorted(by_stem.items()):
        original = [r for r in rows if "-rotated" not in r["path"]]
        copies = [r for r in rows if "-rotated" in r["path"]]
        chosen += [*original[:1], *[copies[i] for i in rng.permutation(len(copies))[:COPIES]]]
    return [Film(root / r["path"], int(r["label"] == "fractured"), r["stem"], r["patient"]) for r in chosen]


def hands(root: Path, cache: Path) -> list[Film]:
    """Sample hand films. Ten consecutive file numbers form a group, because neighbours may be one patient."""
    file = cache / "hands.txt"
    if not file.is_file():
        rng = np.random.default_rng(0)
        chosen = []
        for folder in ("fractured", "not_fractured"):
            readable = [path for path in sorted((root / folder).iterdir()) if is_readable(path)]
            chosen += [f"{folder}/{readable[i].name}" for i in rng.permutation(len(readable))[:HANDS]]
        file.write_text("\n".join(chosen))
    paths = [root / name for name in file.read_text().split()]
    return [Film(p, int(p.parent.name == "fractured"), p.stem, str(int(p.stem[3:]) // 10)) for p in paths]


def is_readable(path: Path) -> bool:
    try:
        read_image(path)
    except ImageError:
        return False
    return True
