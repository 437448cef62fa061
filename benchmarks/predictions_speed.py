"""Measure time and memory of `fxkit evaluate --predictions` on large tables.

    python benchmarks/predictions_speed.py --rows 50000
    python benchmarks/predictions_speed.py --rows 5000 --cases two --keep FOLDER

Each case is a made table with 3 films for every 5 files and 2 patients for every 3 films, a fifth of the rows in the
split val, an operating point, and the subgroups site, sex and age. Scores have all their digits, or two decimals with
many ties. The command runs as a process of its own, and its peak memory is that of this process.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.special import expit, softmax

CLASSES = {
    "two": ("intact", "fracture"),
    "ties": ("intact", "fracture"),
    "three": ("intact", "displaced", "torus"),
    "five": ("intact", "displaced", "torus", "greenstick", "avulsion"),
}

SHARES = {2: (0.75, 0.25), 3: (0.6, 0.3, 0.1), 5: (0.4, 0.3, 0.15, 0.1, 0.05)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--cases", nargs="+", choices=list(CLASSES), default=list(CLASSES))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep tables and results here")
    options = parser.parse_args()
    print("| case | rows | seconds | CPU seconds | peak MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for case in options.cases:
            folder = (options.keep or Path(place)) / case
            folder.mkdir(parents=True, exist_ok=True)
            make_table(folder / "predictions.csv", options.rows, case)
            seconds, cpu_seconds, peak_mb = measure(folder, case)
            print(f"| {case} | {options.rows} | {seconds:.1f} | {cpu_seconds:.1f} | {peak_mb:.0f} |", flush=True)


def make_table(file: Path, rows: int, case: str) -> None:
    """Write a table of predictions; the same arguments write the same bytes."""
    rng, classes = np.random.default_rng(0), CLASSES[case]
    n_films, n_patients = max(1, rows * 3 // 5), max(1, rows * 2 // 5)
    film = np.concatenate([np.arange(n_films), rng.integers(n_films, size=rows - n_films)])
    patient = np.concatenate([np.arange(n_patients), rng.integers(n_patients, size=n_films - n_patients)])
    label = rng.choice(len(classes), n_films, p=SHARES[len(classes)])
    split = np.where(rng.random(n_patients) < 0.2, "val", "test")
    site, sex = rng.choice(["east", "north", "west"], n_patients), rng.choice(["F", "M"], n_patients)
    age = rng.integers(1, 95, n_patients)
    signal = np.eye(len(classes))[label[film]] * 1.5 + rng.normal(size=n_patients)[patient[film], None] * 0.3
    logits = signal + rng.normal(size=(rows, len(classes)))
    p = softmax(logits, axis=1) if len(classes) > 2 else expit(logits[:, 1:] - logits[:, :1])
    names = [f"p_{name}" for name in classes] if len(classes) > 2 else ["probability"]
    digits = 2 if case == "ties" else 6
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["path", "film", "patient", "label", "split", "site", "sex", "age", *names])
        for n in range(rows):
            who = patient[film[n]]
            facts = [f"films/{n:06}.png", f"film{film[n]:06}", f"p{who:06}", classes[label[film[n]]], split[who]]
            writer.writerow([*facts, site[who], sex[who], age[who], *(f"{value:.{digits}f}" for value in p[n])])


def measure(folder: Path, case: str) -> tuple[float, float, float]:
    """Run the command on the table in the folder; return seconds, CPU seconds and peak memory in MB."""
    arguments = ["evaluate", "--predictions", str(folder / "predictions.csv"), "--out", str(folder / "results")]
    arguments += ["--overwrite", *(["--target", "sensitivity=0.95"] if len(CLASSES[case]) == 2 else [])]
    command = [sys.executable, "-c", "from fxkit.cli import main; main()", *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: failed with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
