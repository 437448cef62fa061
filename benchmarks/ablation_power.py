"""How often masked-vs-raw says reliance where markers tell the class, and where they do not.

Each repetition makes films whose marker style tells the class with a correlation: made films, or with `--real` real
ones without markers on which made markers are planted (burned text and boxes, or lead letters). They are cleaned, the
made ones with the markers that are known, the real ones by the detector as it comes; then `fxkit ablate masked-vs-raw`
is asked in its quick way, and the verdicts are counted. With `--rows` each repetition is written to a file at once, and
those that stand there already are not made again: so they can be run in pieces.
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
from fxkit.synth.markers import burn, draw_markers, draw_style, lead_absorption
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image, to_grey8, write_image

ASKED = ("raw", "cleaned", "control")  # what the verdict rests on
COLUMNS = ("correlation", "seed", "verdict", "raw", "markers", "markers_p", "log_odds", "log_odds_p")
FILM_PX = 512  # longer side of a real film: markers are planted after it was made smaller


@dataclass(frozen=True)
class Task:
    """What the repetitions have in common."""

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
    "--size", default=224, show_default=True, help="Input of the network, and longer side of a made film, px."
)
@click.option("--first-seed", default=0, show_default=True)
@click.option("--real", type=click.Path(exists=True, path_type=Path), help="Folder of films to plant markers on.")
@click.option(
    "--real-list", type=click.Path(exists=True, path_type=Path), help="Those of its files that bear no marker."
)
@click.option("--rows", type=click.Path(path_type=Path), help="CSV file of repetitions, gone on with.")
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
    config = load_config(
        None,
        [
            "model.backbone=mobilenetv2_100",
            f"model.weights={weights}",
            "model.args={pad_type: same, bn_eps: 1e-3}",
            "model.mean=0.5",
            "model.std=0.5",
            f"data.image_size={size}",
            "data.workers=0",
            "data.batch_size=4",  # eager convolutions of this network take less time a film than in larger batches
        ],
    )
    task = Task(config, films, size, unmarked(real, real_list), jobs)
    done = read_rows(rows)
    for seed in range(first_seed, first_seed + repetitions):
        for correlation in correlations:
            if not any((row["correlation"], row["seed"]) == (str(correlation), str(seed)) for row in done):
                done.append(repeat(task, correlation, seed))
                write_rows(rows, done)
                print("#", *done[-1].values(), flush=True)
    print("correlation  repetitions  reliance (95 % interval)  no evidence  undecided")
    for correlation in correlations:
        tell(correlation, [row for row in done if row["correlation"] == str(correlation)])


def read_rows(path: Path | None) -> list[dict[str, str]]:
    if path is None or not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path | None, rows: Sequence[dict[str, str]]) -> None:
    if path is None:
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def tell(correlation: float, rows: Sequence[dict[str, str]]) -> None:
    verdicts = Counter(row["verdict"] for row in rows)
    found = binomtest(verdicts["reliance"], len(rows)).proportion_ci(method="exact")  # Clopper-Pearson
    share, low, high = verdicts["reliance"] / len(rows), found.low, found.high
    others = f"{verdicts['no evidence']:>11}  {verdicts['undecided']:>9}"
    print(f"{correlation:>11}  {len(rows):>11}  {share:>8.1%} ({low:.1%} to {high:.1%})  {others}", flush=True)


def unmarked(folder: Path | None, listed: Path | None) -> tuple[Path, ...]:
    if folder is None:
        return ()
    if listed is None:
        return tuple(sorted(folder.glob("*/*.jpg")))
    return tuple(folder / line for line in listed.read_text().split())


def repeat(task: Task, correlation: float, seed: int) -> dict[str, str]:
    """Make and clean films with this seed, ask, and return the row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root, table = folder / "films", folder / "films" / TRUTH
        if task.real:
            plant(task, root, correlation, seed)
            clean_folder(root, folder / "clean", FolderOptions(jobs=task.jobs))
        else:
            options = SynthOptions(films=task.films, size_px=task.size, seed=seed, marker_correlation=correlation)
            synth(root, options, jobs=task.jobs)
            clean_folder(root, folder / "clean", FolderOptions(markers=root / MARKERS, jobs=task.jobs))
        records = index_data(table, IndexOptions(copies=False)).records
        options = ArmOptions(folds=5, seeds=[seed], pasted=(), jobs=task.jobs)
        arms = write_arms(root, folder / "clean", records, folder / "arms", options)
        roots = {seed: {arm: arms[seed][arm] for arm in ASKED}}
        asked = read_ablation_settings("masked-vs-raw", seeds=[seed], folds=5)
        return row_of(correlation, seed, masked_vs_raw(task.config, roots, records, folder / "out", asked))


def row_of(correlation: float, seed: int, result: Ablation) -> dict[str, str]:
    found = {c.key: c for c in result.contrasts}
    raw = next(cell for cell in result.cells if (cell.trained, cell.tested) == ("raw", "raw"))
    costs = [text for key in ("markers", "log_odds") for text in (f"{found[key].value:.4f}", f"{found[key].p:.4f}")]
    return dict(zip(COLUMNS, (str(correlation), str(seed), result.verdict, f"{raw.value:.4f}", *costs), strict=True))


def plant(task: Task, root: Path, correlation: float, seed: int) -> None:
    """Draw real films and plant markers on them; their names' blocks of ten numbers count as patients."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(task.real))[: task.films]
    lines = ["path,label,patient"]
    for number in sorted(chosen.tolist()):
        path = task.real[number]
        label = path.parent.name
        image = small(to_grey8(read_image(path)))
        write_image(
            root / label / f"{path.stem}.png", planted(image, label == "fractured", correlation, [seed, number])
        )
        lines.append(f"{label}/{path.stem}.png,{label},{label[0]}{int(path.stem[-7:]) // 10}")
    (root / TRUTH).write_text("\n".join(lines) + "\n")


def small(image: np.ndarray) -> np.ndarray:
    scale = FILM_PX / max(image.shape)
    size = [max(1, round(side * scale)) for side in image.shape]
    return cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA) if scale < 1 else image


def planted(image: np.ndarray, fractured: bool, correlation: float, seed: list[int]) -> np.ndarray:
    """Return a film, (H, W) uint8, with markers as `fxkit synth` draws them: lead in the beam, text burned in."""
    rng = np.random.default_rng(seed)
    style, side = draw_style(rng, fractured, correlation), str(rng.choice(["L", "R"]))
    shown = image.astype(np.float32) / 255
    blurred = cv2.GaussianBlur(image, (0, 0), max(image.shape) / 100)
    level, _ = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    limb = (blurred > level / 2).astype(np.float32)
    nothing = np.zeros_like(shown)
    markers = draw_markers(rng, style, side, limb, nothing + 1, nothing)
    shown = 1 - (1 - shown) * np.exp(-lead_absorption(markers, image.shape))
    return np.asarray(np.round(255 * np.clip(burn(shown, markers), 0, 1)), np.uint8)


if __name__ == "__main__":
    main()
