"""What was measured: figures on the test films and on other data, and the ablation."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.report.details import Details, read_details
from fxkit.report.reading import Estimate, estimate, picture_uri, read_part
from fxkit.scores import p_text

NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "brier": "Brier score (lower is better)",
    "log_loss": "log loss (lower is better)",
    "macro_auroc": "AUROC, mean over classes",
    "macro_f1": "F1, mean over classes",
}
HEADLINES = ("auroc", "macro_auroc")


@dataclass(frozen=True)
class ClassRow:
    name: str
    figures: tuple[Estimate, ...]  # precision, recall, F1, without intervals
    support: int


@dataclass(frozen=True)
class Level:
    n: int
    figures: tuple[Estimate, ...]
    headline: Estimate
    fewest: int  # groups of the rarest class
    confusion: tuple[tuple[int, ...], ...]
    by_class: tuple[ClassRow, ...]


@dataclass(frozen=True)
class Scores:
    """A metrics.json with its figures drawn; `name` is "" for the run's own test films."""

    name: str
    classes: tuple[str, ...]
    threshold: float
    n_files: int
    n_films: int
    n_groups: int
    n_unknown: int
    file: Level
    film: Level
    stamp: str = ""  # the line that its figures bear
    seen_files: int = 0  # of other data: files of train or val, cleaned or not
    seen_films: int = 0  # of other data: those files' films
    roc: str | None = None
    precision_recall: str | None = None
    confusion: str | None = None
    details: Details | None = None

    @property
    def rows(self) -> list[tuple[Estimate, Estimate]]:
        """Each figure by film and by file."""
        by_file = {figure.name: figure for figure in self.file.figures}
        return [(figure, by_file[figure.name]) for figure in self.film.figures]


@dataclass(frozen=True)
class Cell:
    trained: str
    tested: str
    found: Estimate


@dataclass(frozen=True)
class Flip:
    """How many decisions leave the truth when markers are pasted in, and when patches of background are."""

    name: str
    by_marker: str
    by_patch: str
    difference: Estimate


@dataclass(frozen=True)
class Ablation:
    name: str
    metric: str
    seeds: tuple[str, ...]
    mode: str  # quick or full
    cells: tuple[Cell, ...]
    differences: tuple[Estimate, ...]
    flips: tuple[Flip, ...]
    verdict: str
    reason: str
    n_groups: int
    n_films: int
    n_files: int
    n_erased: int | None  # test files on which markers were erased; None where it is not told
    stamp: str = ""  # the line that its figures bear
    backbone: str = ""  # "" where it is not told
    manifest: str = ""  # `films_hash` of its films; "" where it is not told
    folds: int = 0  # 0: the manifest's own split

    @property
    def trained(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.trained for c in self.cells))

    @property
    def tested(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.tested for c in self.cells))

    def cell(self, trained: str, tested: str) -> Estimate | None:
        found = [c.found for c in self.cells if (c.trained, c.tested) == (trained, tested)]
        return found[0] if found else None


def read_scores(folder: Path, name: str = "") -> Scores | None:
    """Read metrics.json and the pictures that were drawn with it."""
    return read_part(folder / "metrics.json", lambda values: scores_of(values, name, folder / "figures"))


def read_scores_below(folder: Path) -> tuple[Scores, ...]:
    """Read FOLDER/*/metrics.json; each is named after its folder."""
    files = sorted(folder.glob("*/metrics.json"))
    found = (read_scores(file.parent, file.parent.name) for file in files)
    return tuple(scores for scores in found if scores is not None)


def scores_of(values: dict[str, Any], name: str, drawn: Path) -> Scores:
    """Build the scores of what metrics.json holds.

    Args:
        drawn: folder of the pictures.
    """
    classes = tuple(map(str, values["classes"]))
    overlap = values.get("overlap") or {"files": 0, "films": 0}
    return Scores(
        name=name,
        classes=classes,
        threshold=float(values["threshold"]),
        n_files=int(values["n_files"]),
        n_films=int(values["n_films"]),
        n_groups=int(values["n_groups"]),
        n_unknown=int(values["n_unknown"]),
        file=_level(values["file"], classes),
        film=_level(values["film"], classes),
        stamp=str((values.get("leaks") or {}).get("stamp", "")),
        seen_files=int(overlap["files"]),
        seen_films=int(overlap["films"]),
        roc=picture_uri(drawn / "roc.png"),
        precision_recall=picture_uri(drawn / "precision_recall.png"),
        confusion=picture_uri(drawn / "confusion.png"),
        details=read_details(values, drawn),
    )


def _level(values: dict[str, Any], classes: Sequence[str]) -> Level:
    figures = values["figures"]
    key = next(name for name in HEADLINES if name in figures)
    ends = [name for name in ("sensitivity", "specificity") if name in figures]
    ends = ends or [name for name in figures if name.startswith("recall_")]
    return Level(
        n=int(values["n"]),
        figures=tuple(estimate(metric_name(name), found) for name, found in figures.items()),
        headline=estimate(metric_name(key), figures[key]),
        fewest=min((int(figures[name]["n_groups"]) for name in ends), default=0),
        confusion=tuple(tuple(int(count) for count in row) for row in values["confusion"]),
        by_class=tuple(_class_row(name, values["report"][name]) for name in classes),
    )


def _class_row(name: str, found: dict[str, Any]) -> ClassRow:
    figures = (estimate(key, {"value": found[key]}) for key in ("precision", "recall", "f1-score"))
    return ClassRow(name, tuple(figures), int(found["support"]))


def metric_name(key: str) -> str:
    """Return how a metric's key is written for readers."""
    for prefix in ("recall_", "precision_"):
        if key.startswith(prefix):
            return f"{prefix[:-1]}: {key.removeprefix(prefix)}"
    return NAMES.get(key, key)


def read_ablation(run: Path) -> Ablation | None:
    """Read RUN/ablation.json, or that of the ablation which the run is the raw arm of.

    The verdict is about the models trained on raw films, so the other arm and runs beside them do not take it.
    """
    own = read_part(run / "ablation.json", _ablation)
    if own is not None or not re.fullmatch(r"raw-seed\d+(-fold\d+)?", run.resolve().name):
        return own
    return read_part(run.resolve().parent / "ablation.json", _ablation)


def _ablation(values: dict[str, Any]) -> Ablation:
    cells = [Cell(str(c["trained"]), str(c["tested"]), estimate("", c)) for c in values["cells"]]
    return Ablation(
        name=str(values["name"]),
        metric=metric_name(str(values["metric"])),
        seeds=tuple(map(str, values["seeds"])),
        mode=str(values["mode"]),
        cells=tuple(cells),
        differences=tuple(estimate(f"{c['text']} ({p_text(c['p'])})", c) for c in values["contrasts"]),
        flips=tuple(_flip(flip) for flip in values["flips"]),
        verdict=str(values["verdict"]),
        reason=str(values["reason"]),
        n_groups=int(values["n_groups"]),
        n_films=int(values["n_films"]),
        n_files=int(values["n_files"]),
        n_erased=None if values.get("n_erased") is None else int(values["n_erased"]),
        stamp=str(values.get("stamp") or ""),
        backbone=str(values.get("backbone") or ""),
        manifest=str(values.get("manifest") or ""),
        folds=int(values.get("folds") or 0),
    )


def _flip(values: dict[str, Any]) -> Flip:
    marker, patch = (f"{float(values[key]):.1%}" for key in ("by_marker", "by_patch"))
    return Flip(str(values["name"]), marker, patch, estimate("", values["difference"]))
