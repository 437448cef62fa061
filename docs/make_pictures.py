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
from PIL import Image

import fxkit
from fxkit.cli import fxkit as fxkit_command
from fxkit.index.copies.compare import compare_films
from fxkit.index.copies.features import features_of
from fxkit.index.pages.groups_page import overlay
from fxkit.synth.dataset import synth
from fxkit.synth.synthetic_film import SynthOptions
from preprocess.clean_image import erase
from preprocess.coco import read_coco
from preprocess.images import read_grey8
from preprocess.settings import CleanSettings

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# page, with a section -> name of the picture, width and height in pixels
PAGES = {
    "run/audit.html": ("audit", 1060, 900),
    "run/report.html": ("report", 1060, 860),
    "run/report.html#ablation": ("ablation", 1060, 900),
    "data.html": ("data-card", 1060, 900),
    "films-clean/review.html": ("review", 1300, 1300),
}


def main(demo: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        options = SynthOptions(films=60, size_px=640, marker_correlation=1.0, seed=5)
        root = synth(Path(scratch) / "films", options).root
        draw_marker(root, out / "marker.png")
        draw_copies(root, out / "copies.png")
        draw_correction(Path(scratch), out / "correction.png")
        for page, height in zip(index_copies(Path(scratch) / "copies"), (900, 1360), strict=True):
            photograph(page, out / f"{page.stem}.png", 1060, height)
    for page, (name, width, height) in PAGES.items():
        path, _, section = page.partition("#")
        photograph(demo / path, out / f"{name}.png", width, height, section)
    draw_maps(demo / "run" / "cam" / "sheet.png", out / "cam.png")


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


def draw_correction(scratch: Path, file: Path) -> None:
    """Draw the film that the tutorial on cleaning corrects: before, cleaned, and cleaned without its plate."""
    options = SynthOptions(films=24, size_px=320, marker_correlation=0.8)
    film = fxkit.read_image(synth(scratch / "tutorial", options).root / "fractured" / "0006.png")
    cleaned = fxkit.clean_image(film)
    letters = [marker for marker in cleaned.markers if marker.style != "plate"]
    corrected = erase(film, letters, CleanSettings())
    figure, axes = plt.subplots(1, 3, figsize=(10, 2.9))
    titles = ("before", "letters and plate erased", "corrected: letters erased")
    for axis, image, title in zip(axes, (film, cleaned.image, corrected.image), titles, strict=True):
        axis.imshow(image, cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    save(figure, file)


def draw_maps(sheet: Path, file: Path) -> None:
    """Draw the upper part of a sheet of activation maps, smaller and in 256 colours."""
    picture = Image.open(sheet)
    picture = picture.crop((0, 0, picture.width, min(1340, picture.height)))
    picture.thumbnail((900, 900))
    picture.quantize(256).save(file, optimize=True)


def index_copies(folder: Path) -> tuple[Path, Path]:
    """Index the folder of the tutorial on copies with a random split; return its pages of groups and leaks."""
    root = synth(folder / "films", SynthOptions(films=16, copies=2, size_px=320)).root
    for number, file in enumerate(sorted(root.glob("*/*-rotated2.png")), 1):
        file.rename(file.with_name(f"export-{number}.png"))
    arguments = ["index", str(root), "--out", str(folder / "manifest.csv"), "--split", "random"]
    fxkit_command.main(arguments, standalone_mode=False)
    return folder / "groups.html", folder / "leaks.html"


def save(figure: "plt.Figure", file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    plt.close(figure)


def photograph(page: Path, file: Path, width: int, height: int, section: str = "") -> None:
    """Take a picture of the top of an HTML page, or of its part that starts at the heading with this id."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser; expected one of {', '.join(BROWSERS)}; install Chromium")
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        options += [f"--window-size={width},{height}", f"--screenshot={file.resolve()}"]
        if section:
            hidden = f"header, main > :not(#{section}):not(#{section} ~ *) {{ display: none }}"
            text = page.read_text(encoding="utf-8").replace("</head>", f"<style>{hidden}</style></head>")
            page = Path(profile) / "section.html"
            page.write_text(text, encoding="utf-8")
        subprocess.run([browser, *options, page.resolve().as_uri()], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
