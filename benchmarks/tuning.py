"""Measure what it brings to tune the marker network to a site: to FracAtlas, whose scanner left faint letters.

    python benchmarks/tuning.py ../shared --films 40 --seeds 3

For each seed, so many of the marked films (fracatlas_marked.json), in blocks of 50 neighbouring numbers, and as many
without markers (of markernet_films.csv) are given to `fxkit markernet tune` as a user would. The other marked films
tell what is erased and what else before and after, and the unmarked ones (fracatlas_unmarked.txt) how many are touched.
"""

import argparse
import csv
import json
import random
import tempfile
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from markers import HERE, Films, is_touched, row, score

from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image
from preprocess.markernet.tuning import PLAN, tune
from preprocess.markers import MarkedImage, Marker, as_quad
from preprocess.settings import CleanSettings

BLOCK = 50
STRICTER = 0.55  # a least confidence at which the tuned network is measured too
COLUMNS = ("seed", "tuned with", "films", "network", "erased", "by style", "all clean", "collateral", "touched")


def main() -> None:
    options = parse()
    root = options.shared / "data" / "fracatlas_hand"
    rows = json.loads((HERE / "fracatlas_marked.json").read_text())
    unmarked = (HERE / "fracatlas_unmarked.txt").read_text().split()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for seed in range(options.seeds):
        used, others = parted(rows, options.films, seed)
        corrected = {row["path"]: marked(root, row) for row in used + without_markers(len(used), seed)}
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch)
            site = tune(root, corrected, place / "site.onnx", plan=replace(PLAN, seed=seed))
            films = Films("others", root, tuple(row["path"] for row in others), others)
            tuned = CleanSettings(weights=str(site.weights))
            stricter = tuned.model_copy(update={"min_confidence": STRICTER})
            for name, settings in (("as it comes", CleanSettings()), ("tuned", tuned), (f"from {STRICTER}", stricter)):
                figures = measured(options, films, unmarked, settings, place / name)
                row(str(seed), str(len(used)), str(len(others)), name, *figures)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--films", type=int, default=40, help="marked films to tune with, or a few more")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def parted(rows: list[dict], count: int, seed: int) -> tuple[list[dict], list[dict]]:
    """Draw blocks of neighbouring films until there are so many; return these films and the others."""
    blocks = [list(some) for _, some in groupby(sorted(rows, key=number), lambda row: number(row) // BLOCK)]
    random.Random(seed).shuffle(blocks)
    used: list[dict] = []
    others: list[dict] = []
    for block in blocks:
        (used if len(used) < count else others).extend(block)
    return used, others


def number(row: dict) -> int:
    return int(Path(row["path"]).stem.removeprefix("IMG"))


def without_markers(count: int, seed: int) -> list[dict]:
    with (HERE / "markernet_films.csv").open() as file:
        return random.Random(seed).sample([{"path": row["path"], "boxes": []} for row in csv.DictReader(file)], count)


def marked(root: Path, row: dict) -> MarkedImage:
    height, width = read_image(root / row["path"]).shape[:2]
    return MarkedImage(width, height, tuple(Marker(as_quad(box["quad"]), style=box["style"]) for box in row["boxes"]))


def measured(
    options: argparse.Namespace, films: Films, unmarked: list[str], settings: CleanSettings, place: Path
) -> list[str]:
    for paths, out in ((films.paths, place / "masks"), (unmarked, place / "unmarked")):
        clean_folder(films.root, out, FolderOptions(settings=settings, paths=paths, masks_only=True, jobs=options.jobs))
    scores = score(options.shared, films, place, "masks")
    touched = sum(is_touched(place / "unmarked", path) for path in unmarked)
    return [
        f"{scores['erased']:.1%}",
        ", ".join(f"{style} {found}" for style, found in scores["erased_by_style"].items()),
        f"{scores['images_clean']:.1%}",
        f"{scores['collateral_mean']:.3%}",
        f"{touched} of {len(unmarked)}",
    ]


if __name__ == "__main__":
    main()
