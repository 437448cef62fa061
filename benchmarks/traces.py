"""Measure the traces of inpainting: can a classifier distinguish filled places from untouched ones?

    python benchmarks/traces.py ../shared --unmarked benchmarks/fracatlas_unmarked.txt
    python benchmarks/traces.py ../shared --methods ours,telea --sheets sheets

Masks with the shapes of real markers are put where no marker is: half at the relative position of a real marker of
another film, half anywhere. Each place is used twice, untouched and filled, so that only the fill differs. The folds
keep films (forearm: patients) together. Two classifiers see the place, its mask and its position: tree ensembles on the
texture inside, outside and at the mask's edge, and a small network. The score is the mean of their ranks. AUROC 0.5
means no trace, 1 means always recognised. Intervals: bootstrap over films.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import trace_classifier
from scipy.stats import rankdata

from fxkit.metrics.bootstrap import interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC
from preprocess.images import read_image, to_grey8
from preprocess.inpainting.inpaint import inpaint
from preprocess.inpainting.plain_fills import flat_fill, noise_fill
from preprocess.markers import Marker
from preprocess.mask import marker_mask

KINDS = ("plain", "bright", "edge", "field edge", "border")
TRIES = 40
Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Film:
    """A film, its group for the folds, and the quads of its markers."""

    path: Path
    group: str
    source: str
    quads: tuple = ()


@dataclass(frozen=True)
class Place:
    """A film's pixels, a mask where no marker is, and the kind of place."""

    film: Film
    image: np.ndarray
    mask: np.ndarray
    kind: str
    like_markers: bool


def main() -> None:
    cv2.setNumThreads(1)
    options = parse()
    start = time.perf_counter()
    places = find_places(options)
    print(f"{len(places)} places of {len({place.film.group for place in places})} films or patients", flush=True)
    table = ["| fill | all | at marker positions | " + " | ".join(KINDS) + " | CPU ms, films | CPU ms, 224 px |"]
    table.append("|---" * (len(KINDS) + 5) + "|")
    for name in options.methods.split(","):
        table.append(measure_fill(name, places, options.sheets, options.trees_only))
        print(table[-1], flush=True)
    print(*table, f"{time.perf_counter() - start:.0f} s in total", sep="\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--unmarked", type=Path, default=Path(__file__).with_name("fracatlas_unmarked.txt"))
    parser.add_argument("--methods", default="ours,telea,ns,flat,noise")
    parser.add_argument("--films", type=int, default=220, help="number from each source: FracAtlas, originals, copies")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of each fill")
    parser.add_argument("--trees-only", action="store_true", help="skip the network, which is faster")
    return parser.parse_args()


def measure_fill(name: str, places: list[Place], sheets: Path | None, trees_only: bool) -> str:
    fill, times, filled = METHODS[name], [], []
    for place in places:
        start = time.process_time()
        filled.append(fill(place.image, place.mask))
        times.append(1000 * (time.process_time() - start))
    if sheets:
        draw_sheets(sheets / name, places, filled)
    groups = [place.film.group for place in places]
    before = [trace_classifier.make_sample(place.image, place.mask) for place in places]
    after = [trace_classifier.make_sample(image, place.mask) for image, place in zip(filled, places, strict=True)]
    scores = sum(rankdata(part) for part in trace_classifier.scores(before, after, groups, trees_only))
    chosen = [np.ones(len(places), bool), np.array([place.like_markers for place in places])]
    chosen += [np.array([place.kind == kind for place in places]) for kind in KINDS]
    cells = [format_auroc(scores, groups, which) for which in chosen]
    return (
        f"| {name} | "
        + " | ".join(cells)
        + f" | {format_times(times, places, False)} | {format_times(times, places, True)} |"
    )


def format_times(times: list[float], places: list[Place], copies: bool) -> str:
    """Return the median and the 95th percentile as text."""
    chosen = [t for t, place in zip(times, places, strict=True) if (place.film.source == "copies") == copies]
    return f"{np.median(chosen):.1f} ({np.percentile(chosen, 95):.0f})" if chosen else "-"


def format_auroc(scores: np.ndarray, groups: list[str], which: np.ndarray) -> str:
    """Return the AUROC with its interval as text. `scores` has the untouched places first, then the filled ones."""
    twice = np.concatenate([which, which])
    share = (scores[twice] - 1) / (scores.max() - 1)
    names = tuple(np.array(groups * 2)[twice])
    if not len(share):
        return "-"
    truth = np.repeat([0, 1], which.sum())
    pairs = np.column_stack([1 - share, share])
    result = interval(AUROC, Predictions(("untouched", "filled"), names, truth, pairs, names, names))
    return f"{result.value:.2f} ({result.low:.2f}-{result.high:.2f}, n {which.sum()})"


def find_places(options: argparse.Namespace) -> list[Place]:
    rng = random.Random(0)
    forearm = options.shared / "data" / "forearm"
    rows = {part: json.loads((forearm / f"markers_{part}.json").read_text()) for part in ("originals", "copies")}
    shapes = [(np.array(box["quad"]), (r["width"], r["height"])) for r in rows["originals"] for box in r["boxes"]]
    hand = options.shared / "data" / "fracatlas_hand"
    names = sorted(line for line in options.unmarked.read_text().split("\n") if line.strip())
    films = [Film(hand / name, name, "FracAtlas") for name in rng.sample(names, min(options.films, len(names)))]
    for part in rows:
        for r in rng.sample(rows[part], min(options.films, len(rows[part]))):
            films.append(Film(forearm / r["path"], r["patient"], part, tuple(b["quad"] for b in r["boxes"])))
    places = [place for film in films for place in film_places(film, shapes, rng)]
    return [place for place in places if place is not None]


def film_places(film: Film, shapes: list, rng: random.Random) -> list[Place | None]:
    try:
        image = to_grey8(read_image(film.path))
    except Exception:  # noqa: BLE001  some files of FracAtlas are truncated
        return []
    markers = [Marker(tuple(map(tuple, quad))) for quad in film.quads]
    taken = marker_mask(image.shape, markers, grow_fraction=0.7, grow_px=15)
    return [draw_place(film, image, taken, shapes, rng, like) for like in (True, False)]


def draw_place(film: Film, image: np.ndarray, taken: np.ndarray, shapes: list, rng: random.Random, like: bool):
    height, width = image.shape
    for _ in range(TRIES):
        quad, size = rng.choice(shapes)
        side = max(height, width) / max(size)
        centre = quad.mean(axis=0) / size if like else np.array([rng.random(), rng.random()])
        corners = (quad - quad.mean(axis=0)) * side + centre * (width, height)
        mask = marker_mask(image.shape, [Marker(tuple(map(tuple, corners)))])
        if 40 <= mask.sum() < 0.1 * mask.size and not (mask & taken).any():
            kind = classify_place(image, mask)
            if kind != "empty":
                return Place(film, image, mask, kind, like)
    return None


def classify_place(image: np.ndarray, mask: np.ndarray) -> str:
    """Return the kind of background under and around a mask. `empty` means nearly constant, such as digital black."""
    rows, columns = np.nonzero(mask)
    reach = max(4, min(np.ptp(rows), np.ptp(columns)) // 3)
    y0, y1, x0, x1 = rows.min() - reach, rows.max() + reach + 1, columns.min() - reach, columns.max() + reach + 1
    window = image[max(y0, 0) : y1, max(x0, 0) : x1]
    dark = float((window <= 3).mean())
    if dark > 0.95 or np.ptp(image[mask]) <= 2:
        return "empty"
    if y0 < 0 or x0 < 0 or y1 > image.shape[0] or x1 > image.shape[1]:
        return "border"
    if dark > 0.05:
        return "field edge"
    low, high = np.percentile(cv2.GaussianBlur(window, (0, 0), max(1, reach / 6)), [3, 97])
    if high - low > 50:
        return "edge"
    return "bright" if window.mean() > 110 else "plain"


def opencv_fill(method: int) -> Fill:
    return lambda image, mask: cv2.inpaint(image, mask.astype(np.uint8), 3.0, method)


METHODS: dict[str, Fill] = {
    "ours": inpaint,
    "telea": opencv_fill(cv2.INPAINT_TELEA),
    "ns": opencv_fill(cv2.INPAINT_NS),
    "flat": flat_fill,
    "noise": noise_fill,
}


def draw_sheets(folder: Path, places: list[Place], filled: list[np.ndarray]) -> None:
    """Write sheets of up to 24 places, untouched (outlined) next to filled, one sheet per kind and source."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, list[np.ndarray]] = {}
    for place, image in zip(places, filled, strict=True):
        tiles = kinds.setdefault(f"{place.kind}_{place.film.source}".replace(" ", "_"), [])
        if len(tiles) < 24:
            tiles.append(tile(place.image, image, place.mask))
    for name, tiles in kinds.items():
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
        sheet = np.vstack([np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)])
        cv2.imwrite(str(folder / f"{name}.png"), sheet)


def tile(before: np.ndarray, after: np.ndarray, mask: np.ndarray, side: int = 230) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    reach = int(max(np.ptp(rows), np.ptp(columns)) * 1.1) + 6
    y, x = int(rows.mean()) + reach, int(columns.mean()) + reach
    padded = [cv2.copyMakeBorder(a, *[reach] * 4, cv2.BORDER_CONSTANT) for a in (before, after, mask.astype(np.uint8))]
    cut = [a[y - reach : y + reach, x - reach : x + reach].astype(np.float32) for a in padded]
    low, high = np.percentile(cut[0], [1, 99])
    method = cv2.INTER_AREA if 2 * reach > side else cv2.INTER_CUBIC
    shown = [
        np.clip(cv2.resize((a - low) / max(high - low, 20), (side, side), interpolation=method), 0, 1) * 255
        for a in cut[:2]
    ]
    outline, _ = cv2.findContours(
        (cv2.resize(cut[2], (side, side)) > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(shown[0], outline, -1, 255, 1)
    return np.hstack([*shown, np.zeros((side, 6), np.float32)]).astype(np.uint8)


if __name__ == "__main__":
    main()
