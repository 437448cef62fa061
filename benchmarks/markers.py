"""Measure marker removal on annotated radiographs: what is erased, what else is touched, and how fast.

    python benchmarks/markers.py ../shared --originals 123 --copies 120
    python benchmarks/markers.py ../shared --config configs/clean/fast.yaml

SHARED holds data/forearm with its markers_*.json, and bench/score_markers.py, which scores the masks. The samples
are drawn with a fixed seed. The time is one process from decoding to written mask, models loaded before; CPU s
is an image's processor time, which other work on the machine disturbs less.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from preprocess.clean import CleanSettings, clean_folder
from preprocess.settings import read_settings

HEADER = f"{'films':<12}{'erased':>8}{'all clean':>11}{'collateral':>12}{'p95':>9}{'images/s':>10}{'CPU s':>8}"


def main() -> None:
    options = parse()
    settings = read_settings(options.config) if options.config else CleanSettings()
    if options.detector:
        settings = replace(settings, detector=options.detector)
    print(settings, HEADER, sep="\n")
    for part, count in (("originals", options.originals), ("copies", options.copies)):
        if count:
            report(options.shared, part, count, settings, options.keep)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--originals", type=int, default=123)
    parser.add_argument("--copies", type=int, default=120)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--detector")
    parser.add_argument("--keep", type=Path, help="folder for masks and scores, to look at failures")
    return parser.parse_args()


def report(shared: Path, part: str, count: int, settings: CleanSettings, keep: Path | None) -> None:
    root = shared / "data" / "forearm"
    truth = json.loads((root / f"markers_{part}.json").read_text())
    sample = sorted(random.Random(0).sample(truth, min(count, len(truth))), key=lambda row: row["path"])
    with tempfile.TemporaryDirectory() as folder:
        place = keep / part if keep else Path(folder) / part
        clean_folder(root, place / "warm", settings=settings, paths=[sample[0]["path"]], masks_only=True)
        start, busy = time.perf_counter(), time.process_time()
        paths = [row["path"] for row in sample]
        clean_folder(root, place / "masks", settings=settings, paths=paths, masks_only=True, overwrite=True)
        speed, work = len(sample) / (time.perf_counter() - start), (time.process_time() - busy) / len(sample)
        (place / "truth.json").write_text(json.dumps(sample))
        scores = score(shared, root, place)
    print(
        f"{part + ' ' + str(len(sample)):<16}{scores['erased']:>4.1%}{scores['images_clean']:>11.1%}"
        f"{scores['collateral_mean']:>12.3%}{scores['collateral_p95']:>9.3%}{speed:>10.2f}{work:>8.2f}"
    )
    print("   ", ", ".join(f"{style} {found}" for style, found in scores["erased_by_style"].items()))


def score(shared: Path, root: Path, place: Path) -> dict:
    script = shared / "bench" / "score_markers.py"
    command = [sys.executable, script, place / "truth.json", root, "--masks", place / "masks"]
    subprocess.run([*command, "--json", place / "scores.json"], check=True, stdout=subprocess.DEVNULL)
    return json.loads((place / "scores.json").read_text())["summary"]


if __name__ == "__main__":
    main()
