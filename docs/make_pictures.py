"""Make the pictures of README and documentation from made films, so that they cannot go stale.

Usage: python docs/make_pictures.py DEMO OUT, where DEMO is the folder that `make demo` leaves. Needs Chromium.
"""

import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import matplotlib
import numpy as np

matplotlib.use("agg")
import matplotlib.pyplot as plt

import fxkit
from fxkit.index.copies.compare import compare_films
from fxkit.index.copies.features import features_of
from fxkit.index.pages.groups_page import overlay
from fxkit.synth.dataset import synth
from fxkit.synth.synthetic_film import SynthOptions
from preprocess.coco import read_coco
from preprocess.images import read_grey8

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# page -> name of the picture, width and height in pixels
PAGES = {
    "run/audit.html": ("audit", 1060, 900),
    "run/report.html": ("report", 1060, 860),
    "data.html": ("data-card", 1060, 900),
    "films-clean/review.html": ("review", 1300, 900),
}


def main(demo: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        options = SynthOptions(films=60, size_px=640, marker_correlation=1.0, seed=5)
        root = synth(Path(scratch) / "films", options).root
        draw_marker(root, out / "marker.png")
        draw_copies(root, out / "copies.png")
    for page, (name, width, height) in PAGES.items():
        photograph(demo / page, out / f"{name}.png", width, height)
    shutil.copyfile(demo / "run" / "cam" / "sheet.png", out / "cam.png")


def draw_marker(root: Path, file: Path) -> None:
    """Draw a turned lead letter before and after cleaning."""
    images = read_coco(root / "markers.json")
    turned = max(
        ((path, marker) for path, image in images.items() for marker in image.markers if marker.style == "lead"),
        key=lambda pair: how_oblique(pair[1].quad),
    )
    path, marker = turned
    film = fxkit.read_image(root / path)
    cleaned = fxkit.clean_image(film)
    centre = np.mean(marker.quad, axis=0)
    half = 90
    x, y = (int(np.clip(c, half, side - half)) for c, side in zip(centre, film.shape[1::-1], strict=True))
    window = np.s_[y - half : y + half, x - half : x + half]
    figure, axes = plt.subplots(1, 2, figsize=(6, 3.2))
    for axis, image, title in zip(axes, (film, cleaned.image), ("before", "after"), strict=True):
        axis.imshow(image[window], cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
        axis.set_title(title)
        axis.axis("off")
    save(figure, file)


def how_oblique(quad: object) -> float:
    """Return how far an angle of a quad's upper edge is from a multiple of 90 degrees, 0 to 45."""
    (x0, y0), (x1, y1) = np.asarray(quad)[:2]
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0)) % 90
    return min(angle, 90 - angle)


def draw_copies(root: Path, file: Path) -> None:
    """Draw a film, a changed copy of it, and the two laid on each other."""
    film = read_grey8(next(iter(sorted(root.glob("fractured/*.png")))))
    height, width = film.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 25, 0.8)
    copy = cv2.flip(cv2.warpAffine(film, turn, (width, height)), 1)
    copy = np.asarray(255 * (copy / 255.0) ** 0.7, np.uint8)
    first, second = features_of(film), features_of(copy)
    evidence = compare_films(first, second)
    assert evidence is not None, "the copy was not recognised"
    pictures = (film, copy, overlay(first.picture, second.picture, evidence)[2])
    titles = ("a film", "a copy: turned, mirrored, smaller, brighter", "one on the other: grey where they agree")
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.9))
    for axis, picture, title in zip(axes, pictures, titles, strict=True):
        axis.imshow(picture, cmap="gray")
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    save(figure, file)


def save(figure: "plt.Figure", file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    plt.close(figure)


def photograph(page: Path, file: Path, width: int, height: int) -> None:
    """Take a picture of the top of an HTML page."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser; expected one of {', '.join(BROWSERS)}; install Chromium")
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        options += [f"--window-size={width},{height}", f"--screenshot={file.resolve()}", page.resolve().as_uri()]
        subprocess.run([browser, *options], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
