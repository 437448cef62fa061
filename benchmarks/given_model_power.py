"""Measure how often the marker test of a given model reports reliance, if markers predict the class and if not.

python benchmarks/given_model_power.py FOLDER [--real FILMS --real-list FILE] [--weights FILE]

Each film of a pool without markers, synthetic or real, gets two versions: with lead letters, and with burned-in text or
boxes. Their arms are made once, as `fxkit ablate masked-vs-raw --model` makes them, and statistics of their grey levels
and edges are stored. Each repetition divides the patients at random, chooses one version of each film so that the
markers correlate with the class, and trains a model outside fxkit: logistic regression on the statistics of the raw
training films or, with --weights, on their features of MobileNetV2. The other films are tested, with the code of the
command. All repetitions use the films of the pool.

FOLDER keeps the films and the statistics, so that the benchmark can be interrupted. FOLDER/rows.csv, or with --weights
FOLDER/rows-network.csv, has the rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from ablation_power import list_unmarked, mobilenet, print_verdicts, read_rows, shrink, write_rows
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fxkit.ablation.coverage import count_by_class, find_left_markers
from fxkit.ablation.given import conclude
from fxkit.ablation.learning import extract_features
from fxkit.ablation.settings import read_ablation_settings
from fxkit.ablation.write_arms import ArmOptions, write_arms
from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import Record
from fxkit.index.build import IndexOptions, index_data
from fxkit.metrics.predictions import Predictions
from fxkit.report.ablation import Ablation
from fxkit.report.coverage import Coverage
from fxkit.synth.dataset import TRUTH, SynthOptions, synth
from fxkit.synth.markers import burn, choose_markers, choose_style, lead_absorption
from preprocess.coco import write_coco
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.image_files import MAX_PIXELS
from preprocess.images import read_image, to_grey8, write_image
from preprocess.ledger import read_ledger
from preprocess.markers import MarkedImage
from preprocess.tables.read import read_table

CLASSES = ("not_fractured", "fractured")
VERSIONS = {"lead": ("lead",), "digital": ("burned", "label")}  # version of a film -> styles of its markers
ARMS = ("raw", "cleaned", "control")  # the arms that the verdict needs
SEEDS = (0, 1, 2)
SETTINGS = read_ablation_settings("masked-vs-raw", seeds=SEEDS)
INPUT_PX = 224
BLOCKS = 16  # along a side


@dataclass(frozen=True)
class Pool:
    """The versions of all films, N rows.

    Attributes:
        records: one for each row; the path says film and version.
        features: arm -> (N, D), for the arm control one array for each seed.
        erased, left: paths on which markers were erased, and on which the marker network still sees some.
    """

    records: Sequence[Record]
    features: dict[str, list[np.ndarray]]
    erased: set[str]
    left: set[str]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--films", default=400, show_default=True, help="Synthetic films in the pool.")
@click.option("--size", default=224, show_default=True, help="Longer side of a synthetic film, px.")
@click.option("--real", type=click.Path(exists=True, path_type=Path), help="Folder of films to draw markers on.")
@click.option("--real-list", type=click.Path(exists=True, path_type=Path), help="List of its films without markers.")
@click.option(
    "--weights", type=click.Path(exists=True, path_type=Path), help="Weights of MobileNetV2 for its features."
)
@click.option("--correlation", "correlations", type=float, multiple=True, default=(0.9, 0.0), show_default=True)
@click.option("--repetitions", default=40, show_default=True)
@click.option("--test-fraction", default=0.5, show_default=True, help="Share of the patients that are tested.")
def main(
    folder: Path,
    films: int,
    size: int,
    real: Path | None,
    real_list: Path | None,
    weights: Path | None,
    correlations: tuple[float, ...],
    repetitions: int,
    test_fraction: float,
) -> None:
    root = folder / "films"
    if not (root / TRUTH).is_file():
        write_versions(root, read_real(real, real_list) if real else read_made(folder / "unmarked", films, size))
    pool = build_pool(root, folder, weights, known_markers=not real)
    file = folder / ("rows-network.csv" if weights else "rows.csv")
    done = read_rows(file)
    for seed in range(repetitions):
        for correlation in correlations:
            if not any((row["correlation"], row["seed"]) == (str(correlation), str(seed)) for row in done):
                done.append(run_repetition(pool, correlation, seed, test_fraction))
                write_rows(file, done)
                print("#", *done[-1].values(), flush=True)
    print("correlation  repetitions  reliance (95 % interval)  no evidence  undecided")
    for correlation in correlations:
        print_verdicts(correlation, [row for row in done if row["correlation"] == str(correlation)])


@dataclass(frozen=True)
class Unmarked:
    """A film without markers: its name, class, patient and pixels, (H, W) uint8."""

    name: str
    label: str
    patient: str
    image: np.ndarray


def read_made(folder: Path, films: int, size: int) -> Iterable[Unmarked]:
    """Make synthetic films. Fractures are not subtle, so that a model without markers is better than chance."""
    options = SynthOptions(films=films, size_px=size, seed=77, markers=False, min_severity=0.3)
    synth(folder, options, overwrite=True)
    for row in read_table(folder / TRUTH, "").rows:
        image = to_grey8(read_image(folder / row.values["path"]))
        yield Unmarked(Path(row.values["path"]).stem, row.values["label"], row.values["patient"], image)


def read_real(folder: Path, film_list: Path | None) -> Iterable[Unmarked]:
    """Read real films. Ten consecutive file numbers count as one patient."""
    for path in list_unmarked(folder, film_list):
        label = path.parent.name
        image = shrink(to_grey8(read_image(path)))
        yield Unmarked(path.stem, label, f"{label[0]}{int(path.stem[-7:]) // 10}", image)


def write_versions(root: Path, films: Iterable[Unmarked]) -> None:
    """Draw the markers of both versions on each film, and write the table of films and the file of markers."""
    lines, marked = ["path,label,patient"], {}
    for number, film in enumerate(films):
        for part, (version, styles) in enumerate(VERSIONS.items()):
            image, markers = draw(film.image, styles, np.random.default_rng([number, part]))
            path = f"{film.label}/{film.name}-{version}.png"
            write_image(root / path, image)
            marked[path] = MarkedImage(image.shape[1], image.shape[0], markers)
            lines.append(f"{path},{film.label},{film.patient}")
    write_coco(root / "markers.json", marked)
    (root / TRUTH).write_text("\n".join(lines) + "\n")


def draw(image: np.ndarray, styles: tuple[str, ...], rng: np.random.Generator) -> tuple[np.ndarray, Any]:
    """Return an (H, W) uint8 film with markers in one of the styles, as `fxkit synth` draws them, and the markers."""
    film = image.astype(np.float32) / 255
    blurred = cv2.GaussianBlur(image, (0, 0), max(image.shape) / 100)
    level, _ = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    limb, nothing = (blurred > level / 2).astype(np.float32), np.zeros_like(film)
    placed = choose_markers(rng, str(rng.choice(styles)), str(rng.choice(["L", "R"])), limb, nothing + 1, nothing)
    film = burn(1 - (1 - film) * np.exp(-lead_absorption(placed, image.shape)), placed)
    return np.asarray(np.round(255 * np.clip(film, 0, 1)), np.uint8), tuple(p.marker for p in placed)


def build_pool(root: Path, folder: Path, weights: Path | None, *, known_markers: bool) -> Pool:
    records = index_data(root / TRUTH, IndexOptions(copies=False, split="none")).records
    records = [replace(record, split="test") for record in records]
    cleaned = folder / "clean"
    clean_folder(root, cleaned, FolderOptions(markers=root / "markers.json" if known_markers else None))
    ledger = read_ledger(cleaned)
    records = [r for r in records if ledger[r.path].status in ("cleaned", "copied")]
    roots = write_arms(root, cleaned, records, folder / "arms", ArmOptions(0, SEEDS, pasted=(), controls=True))
    features = {
        arm: [
            read_features(folder, roots[seed][arm], records, weights) for seed in (SEEDS if arm == "control" else [0])
        ]
        for arm in ARMS
    }
    file = folder / "left.txt"
    if not file.is_file():
        rows = [ledger[record.path] for record in records]
        file.write_text("\n".join(sorted(find_left_markers(cleaned, rows, jobs=1, max_pixels=MAX_PIXELS))))
    erased = {r.path for r in records if ledger[r.path].status == "cleaned"}
    return Pool(records, features, erased, set(file.read_text().split("\n")) & {r.path for r in records})


def read_features(folder: Path, root: Path, records: Sequence[Record], weights: Path | None) -> np.ndarray:
    """Return (N, D) statistics of the films below root, or their features of a network; computed once."""
    file = folder / f"{'network' if weights else 'features'}-{root.name}.npy"
    if file.is_file():
        return np.asarray(np.load(file))
    if weights:
        np.save(file, extract_features(mobilenet(weights, INPUT_PX), root, records, "cpu"))
    else:
        images = open_image_root(root)
        np.save(file, np.stack([describe(to_grey8(read_image(images.find(record.path)))) for record in records]))
    return np.asarray(np.load(file))


def describe(film: np.ndarray) -> np.ndarray:
    """Return (D,) features of a film: its histogram; grey levels and edges of 16 x 16 blocks, in place and sorted."""
    pixels = cv2.resize(film, (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    edges = np.hypot(cv2.Sobel(pixels, cv2.CV_32F, 1, 0), cv2.Sobel(pixels, cv2.CV_32F, 0, 1))
    parts = [np.sqrt(np.histogram(pixels, 32, (0, 1))[0] / pixels.size)]
    for values in (pixels, edges):
        blocks = values.reshape(BLOCKS, INPUT_PX // BLOCKS, BLOCKS, INPUT_PX // BLOCKS)
        figures = [blocks.mean((1, 3)), blocks.std((1, 3)), blocks.max((1, 3))]
        parts += [figures[0].ravel(), *(np.sort(figure, axis=None)[-40:] for figure in figures)]
    return np.concatenate(parts)


def run_repetition(pool: Pool, correlation: float, seed: int, test_fraction: float) -> dict[str, str]:
    """Choose a version of each film, train the model on some patients, and test it on the others."""
    rng = np.random.default_rng([seed, round(100 * correlation)])
    films = sorted({(r.path.rsplit("-", 1)[0], r.label, r.patient) for r in pool.records})
    row_of = {record.path: row for row, record in enumerate(pool.records)}
    tested = choose_patients(sorted({(patient, label) for _, label, patient in films}), test_fraction, rng)
    rows: dict[bool, list[int]] = {True: [], False: []}
    for name, label, patient in films:
        style = choose_style(rng, label == CLASSES[1], correlation)
        path = f"{name}-{'lead' if style == 'lead' else 'digital'}.png"
        if path in row_of:
            rows[patient in tested].append(row_of[path])
    labels = np.array([CLASSES.index(record.label) for record in pool.records])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced"))
    model.fit(pool.features["raw"][0][rows[False]], labels[rows[False]])
    return build_row(correlation, seed, judge_model(pool, model, labels, rows[True]))


def choose_patients(patients: Sequence[tuple[str, str]], fraction: float, rng: np.random.Generator) -> set[str]:
    """Choose the patients of each class that are tested."""
    tested: set[str] = set()
    for label in CLASSES:
        names = [patient for patient, other in patients if other == label]
        tested |= set(rng.permutation(names)[: round(fraction * len(names))].tolist())
    return tested


def judge_model(pool: Pool, model: Any, labels: np.ndarray, rows: list[int]) -> Ablation:
    records = [pool.records[row] for row in rows]

    def predict(features: np.ndarray) -> Predictions:
        return Predictions(
            classes=CLASSES,
            paths=tuple(r.path for r in records),
            labels=labels[rows],
            probabilities=model.predict_proba(features[rows]),
            films=tuple(r.film for r in records),
            groups=tuple(r.group for r in records),
        ).by_film()

    arms = {arm: [predict(array) for array in arrays] for arm, arrays in pool.features.items()}
    arms = {arm: runs if arm == "control" else runs * len(SEEDS) for arm, runs in arms.items()}
    paths = {r.path for r in records}
    counts = count_by_class(records, pool.erased & paths, pool.left & paths)
    return conclude(arms, SETTINGS, Coverage(len(pool.erased & paths), len(records), counts))


def build_row(correlation: float, seed: int, result: Ablation) -> dict[str, str]:
    """Return the figures of a repetition: the score on raw films, and the differences with their p."""
    row = {"correlation": str(correlation), "seed": str(seed), "verdict": result.verdict}
    row |= {cell.tested: f"{cell.value:.4f}" for cell in result.cells}
    for contrast in result.contrasts:
        row |= {f"{contrast.key}_loss": f"{contrast.value:.4f}", f"{contrast.key}_p": f"{contrast.p:.4f}"}
    return row | {"films": str(result.n_films), "groups": str(result.n_groups)}


if __name__ == "__main__":
    main()
