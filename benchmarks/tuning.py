"""Measure the benefit of tuning the marker network to a site: FracAtlas, whose scanner left faint letters.

    python benchmarks/tuning.py ../shared --films 40 --seeds 3

For each seed, `fxkit markernet tune` gets --films marked films (fracatlas_marked.json), in blocks of 50 consecutive
numbers, and as many films without markers (markernet_films.csv). The other marked films show what is erased, and what
else is changed, before and after tuning. The unmarked films (fracatlas_unmarked.txt) show how many are changed.
"""

import argparse
import csv
import json
import random
import tempfile
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from markers import HERE, Films, is_changed, print_row, score

from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image
from preprocess.markernet.tuning import PLAN, tune
from preprocess.markers import MarkedImage, Marker, as_quad
from preprocess.settings import CleanSettings

BLOCK = 50
STRICTER = 0.55  # higher least confidence, at which the tuned network is also measured
COLUMNS = ("seed", "tuned with", "films", "network", "erased", "by style", "all clean", "collateral", "changed")


def main() -> None:
    options = parse()
    root = options.shared / "data" / "fracatlas_hand"
    rows = json.loads((HERE / "fracatlas_marked.json").read_text())
    unmarked = (HERE / "fracatlas_unmarked.txt").read_text().split()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for seed in range(options.seeds):
        used, others = split_blocks(rows, options.films, seed)
        corrected = {row["path"]: to_marked_image(root, row) for row in used + sample_unmarked(len(used), seed)}
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            site = tune(root, corrected, folder / "site.onnx", plan=replace(PLAN, seed=seed))
            films = Films("others", root, tuple(row["path"] for row in others), others)
            tuned = CleanSettings(weights=str(site.weights))
            stricter = tuned.model_copy(update={"min_confidence": STRICTER})
            for name, settings in (("shipped", CleanSettings()), ("tuned", tuned), (f"from {STRICTER}", stricter)):
                figures = measure(options, films, unmarked, settings, folder / name)
                print_row(str(seed), str(len(used)), str(len(others)), name, *figures)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--films", type=int, default=40, help="least number of marked films to tune with")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def split_blocks(rows: list[dict], count: int, seed: int) -> tuple[list[dict], list[dict]]:
    """Draw blocks of consecutive films until there are at least `count`; return these films and the others."""
    blocks = [list(block) for _, block in groupby(sorted(rows, key=number), lambda row: number(row) // BLOCK)]
    random.Random(seed).shuffle(blocks)
    used: list[dict] = []
    others: list[dict] = []
    for block in blocks:
        (used if len(used) < count else others).extend(block)
    return used, others


def number(row: dict) -> int:
    return int(Path(row["path"]).stem.removeprefix("IMG"))


def sample_unmarked(count: int, seed: int) -> list[dict]:
    with (HERE / "markernet_films.csv").open() as file:
        return random.Random(seed).sample([{"path": row["path"], "boxes": []} for row in csv.DictReader(file)], count)


def to_marked_image(root: Path, row: dict) -> MarkedImage:
    height, width = read_image(root / row["path"]).shape[:2]
    return MarkedImage(width, height, tuple(Marker(as_quad(box["quad"]), style=box["style"]) for box in row["boxes"]))


def measure(
    options: argparse.Namespace, films: Films, unmarked: list[str], settings: CleanSettings, folder: Path
) -> list[str]:
    for paths, out in ((films.paths, folder / "masks"), (unmarked, folder / "unmarked")):
        clean_folder(films.root, out, FolderOptions(settings=settings, paths=paths, masks_only=True, jobs=options.jobs))
    scores = score(options.shared, films, folder, "masks")
    changed = sum(is_changed(folder / "unmarked", path) for path in unmarked)
    return [
        f"{scores['erased']:.1%}",
        ", ".join(f"{style} {share}" for style, share in scores["erased_by_style"].items()),
        f"{scores['images_clean']:.1%}",
        f"{scores['collateral_mean']:.3%}",
        f"{changed} of {len(unmarked)}",
    ]


if __name__ == "__main__":
    main()
