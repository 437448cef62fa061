"""Measure how often masked-vs-raw reports reliance, with markers that predict the class and with markers that do not.

Each repetition makes films whose marker style correlates with the class. The films are synthetic, or with `--real` they
are real films without markers, on which synthetic markers are drawn (burned text and boxes, or lead letters). Synthetic
films are cleaned with their known markers, real films by the default detector. Then the quick form of
`fxkit ablate masked-vs-raw` runs, and its verdicts are counted. With `--rows` each repetition is written to a file at
once, and repetitions in the file are not run again, so the benchmark can be run in parts.
"""

import csv
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from scipy.stats import binomtest

from fxkit.ablation.masked_vs_raw import masked_vs_raw
from fxkit.ablation.settings import read_ablation_settings
from fxkit.ablation.write_arms import ArmOptions, write_arms
from fxkit.config import Config, load_config
from fxkit.index.build import IndexOptions, index_data
from fxkit.report.ablation import Ablation
from fxkit.synth.dataset import MARKERS, TRUTH, SynthOptions, synth
from fxkit.synth.markers import burn, choose_markers, choose_style, lead_absorption
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image, to_grey8, write_image

ARMS = ("raw", "cleaned", "control")  # the arms that the verdict needs
COLUMNS = ("correlation", "seed", "verdict", "raw", "markers", "markers_p", "log_odds", "log_odds_p")
FILM_PX = 512  # longer side of a real film, which is resized before markers are drawn


@dataclass(frozen=True)
class Task:
    """What all repetitions share."""

    config: Config
    films: int
    size: int
    real: tuple[Path, ...]
    jobs: int


@click.command()
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
@click.option("--correlation", "correlations", type=float, multiple=True, default=(0.0, 0.5, 0.9), show_default=True)
@click.option("--repetitions", default=40, show_default=True)
@click.option("--films", default=120, show_default=True)
@click.option(
    "--size",
    default=224,
    show_default=True,
    help="Side of the network's input and of a synthetic film, px.",
)
@click.option("--first-seed", default=0, show_default=True)
@click.option("--real", type=click.Path(exists=True, path_type=Path), help="Folder of films to draw markers on.")
@click.option(
    "--real-list",
    type=click.Path(exists=True, path_type=Path),
    help="Text file that lists its films without markers.",
)
@click.option("--rows", type=click.Path(path_type=Path), help="CSV file of repetitions; existing rows are kept.")
@click.option("--jobs", default=2, show_default=True)
def main(
    weights: Path,
    correlations: tuple[float, ...],
    repetitions: int,
    films: int,
    size: int,
    first_seed: int,
    real: Path | None,
    real_list: Path | None,
    rows: Path | None,
    jobs: int,
) -> None:
    config = mobilenet(weights, size)
    task = Task(config, films, size, list_unmarked(real, real_list), jobs)
    done = read_rows(rows)
    for seed in range(first_seed, first_seed + repetitions):
        for correlation in correlations:
            if not any((row["correlation"], row["seed"]) == (str(correlation), str(seed)) for row in done):
                done.append(run_repetition(task, correlation, seed))
                write_rows(rows, done)
                print("#", *done[-1].values(), flush=True)
    print("correlation  repetitions  reliance (95 % interval)  no evidence  undecided")
    for correlation in correlations:
        print_verdicts(correlation, [row for row in done if row["correlation"] == str(correlation)])


def mobilenet(weights: Path, size: int) -> Config:
    """Return the settings of MobileNetV2 with the given weights, for films of a size in px."""
    return load_config(
        None,
        [
            "model.backbone=mobilenetv2_100",
            f"model.weights={weights}",
            "model.args={pad_type: same, bn_eps: 1e-3}",
            "model.mean=0.5",
            "model.std=0.5",
            f"data.image_size={size}",
            "data.workers=0",
            "data.batch_size=4",  # fastest per film for this network in eager mode
        ],
    )


def read_rows(path: Path | None) -> list[dict[str, str]]:
    if path is None or not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path | None, rows: Sequence[dict[str, str]]) -> None:
    if path is None:
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def print_verdicts(correlation: float, rows: Sequence[dict[str, str]]) -> None:
    verdicts = Counter(row["verdict"] for row in rows)
    interval = binomtest(verdicts["reliance"], len(rows)).proportion_ci(method="exact")  # Clopper-Pearson
    share, low, high = verdicts["reliance"] / len(rows), interval.low, interval.high
    others = f"{verdicts['no evidence']:>11}  {verdicts['undecided']:>9}"
    print(f"{correlation:>11}  {len(rows):>11}  {share:>8.1%} ({low:.1%} to {high:.1%})  {others}", flush=True)


def list_unmarked(folder: Path | None, film_list: Path | None) -> tuple[Path, ...]:
    if folder is None:
        return ()
    if film_list is None:
        return tuple(sorted(folder.glob("*/*.jpg")))
    return tuple(folder / line for line in film_list.read_text().split())


def run_repetition(task: Task, correlation: float, seed: int) -> dict[str, str]:
    """Make and clean films with this seed, run the ablation, and return its row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root, table = folder / "films", folder / "films" / TRUTH
        if task.real:
            write_marked_films(task, root, correlation, seed)
            clean_folder(root, folder / "clean", FolderOptions(jobs=task.jobs))
        else:
            options = SynthOptions(films=task.films, size_px=task.size, seed=seed, marker_correlation=correlation)
            synth(root, options, jobs=task.jobs)
            clean_folder(root, folder / "clean", FolderOptions(markers=root / MARKERS, jobs=task.jobs))
        records = index_data(table, IndexOptions(copies=False)).records
        options = ArmOptions(folds=5, seeds=[seed], pasted=(), jobs=task.jobs)
        arms = write_arms(root, folder / "clean", records, folder / "arms", options)
        roots = {seed: {arm: arms[seed][arm] for arm in ARMS}}
        settings = read_ablation_settings("masked-vs-raw", seeds=[seed], folds=5)
        return build_row(correlation, seed, masked_vs_raw(task.config, roots, records, folder / "out", settings))


def build_row(correlation: float, seed: int, result: Ablation) -> dict[str, str]:
    contrasts = {c.key: c for c in result.contrasts}
    raw = next(cell for cell in result.cells if (cell.trained, cell.tested) == ("raw", "raw"))
    costs = [
        text for key in ("markers", "log_odds") for text in (f"{contrasts[key].value:.4f}", f"{contrasts[key].p:.4f}")
    ]
    return dict(zip(COLUMNS, (str(correlation), str(seed), result.verdict, f"{raw.value:.4f}", *costs), strict=True))


def write_marked_films(task: Task, root: Path, correlation: float, seed: int) -> None:
    """Sample real films and draw markers on them. Ten consecutive file numbers count as one patient."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(task.real))[: task.films]
    lines = ["path,label,patient"]
    for number in sorted(chosen.tolist()):
        path = task.real[number]
        label = path.parent.name
        image = shrink(to_grey8(read_image(path)))
        write_image(
            root / label / f"{path.stem}.png", draw_marker(image, label == "fractured", correlation, [seed, number])
        )
        lines.append(f"{label}/{path.stem}.png,{label},{label[0]}{int(path.stem[-7:]) // 10}")
    (root / TRUTH).write_text("\n".join(lines) + "\n")


def shrink(image: np.ndarray) -> np.ndarray:
    scale = FILM_PX / max(image.shape)
    size = [max(1, round(side * scale)) for side in image.shape]
    return cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA) if scale < 1 else image


def draw_marker(image: np.ndarray, fractured: bool, correlation: float, seed: list[int]) -> np.ndarray:
    """Return an (H, W) uint8 film with markers like those of `fxkit synth`: lead letters or burned-in text."""
    rng = np.random.default_rng(seed)
    style, side = choose_style(rng, fractured, correlation), str(rng.choice(["L", "R"]))
    film = image.astype(np.float32) / 255
    blurred = cv2.GaussianBlur(image, (0, 0), max(image.shape) / 100)
    level, _ = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    limb = (blurred > level / 2).astype(np.float32)
    nothing = np.zeros_like(film)
    markers = choose_markers(rng, style, side, limb, nothing + 1, nothing)
    film = 1 - (1 - film) * np.exp(-lead_absorption(markers, image.shape))
    return np.asarray(np.round(255 * np.clip(burn(film, markers), 0, 1)), np.uint8)


if __name__ == "__main__":
    main()
