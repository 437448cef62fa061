"""Measure the marker network by marker style, on synthetic markers drawn on films that it was not trained on.

    python benchmarks/markernet_styles.py benchmarks/fracatlas_unmarked.txt ../shared/data/fracatlas_hand --films 400

Each image is a window of 1,024 px. A marker counts as covered if at least 90 % of its pixels lie in the mask of
clean-labels. Small print is less than 12 px high.
"""

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from preprocess.clean_image import build_mask, find_markers
from preprocess.detectors.markernet import STYLES, MarkerNetDetector
from preprocess.detectors.regions import STRIDE
from preprocess.markernet.scene import make_scene, read_films
from preprocess.settings import CleanSettings

SEED = 20_000  # far from the seeds of the training


def main() -> None:
    options = parse()
    films = read_films(options.root, dict.fromkeys(options.films_list.read_text().split(), ()))
    detector, settings = MarkerNetDetector(options.weights), CleanSettings()
    total: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    excess = []
    for number in range(options.films):
        picture, truth = make_scene(np.random.default_rng((SEED, number)), films, 1024)
        mask = build_mask(picture.shape, find_markers(picture, detector, settings), settings)
        for name, is_covered in find_markers_by_style(mask, truth):
            total[name] += 1
            covered[name] += is_covered
        marked = cv2.dilate((truth[0] | truth[2]).astype(np.uint8), np.ones((9, 9), np.uint8))
        excess.append(float((mask[::STRIDE, ::STRIDE] & (marked == 0)).mean()))
    for name in sorted(total):
        print(f"{name:<20} {covered[name]:>5} of {total[name]:<5} {covered[name] / total[name]:.1%}")
    print(f"outside the markers  {np.mean(excess):.3%} of an image, 95th percentile {np.quantile(excess, 0.95):.3%}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films_list", type=Path, help="text file with the paths of films without markers")
    parser.add_argument("root", type=Path)
    parser.add_argument("--films", type=int, default=400)
    parser.add_argument("--weights", default="")
    return parser.parse_args()


def find_markers_by_style(mask: np.ndarray, truth: np.ndarray) -> list[tuple[str, bool]]:
    """Return the style of each connected true marker, with small print separate, and whether the mask covers it."""
    markers = []
    for index, style in enumerate(STYLES):
        count, pieces, stats, _ = cv2.connectedComponentsWithStats((truth[1] == index).astype(np.uint8))
        for piece in range(1, count):
            here = np.kron(pieces == piece, np.ones((STRIDE, STRIDE), bool))
            small = min(cv2.minAreaRect(np.argwhere(pieces == piece).astype(np.float32))[1]) * STRIDE < 12
            if stats[piece, cv2.CC_STAT_AREA] >= 12:
                markers.append((f"{style}{', small' if small else ''}", bool(mask[here].mean() >= 0.9)))
    return markers


if __name__ == "__main__":
    main()
