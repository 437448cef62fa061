"""What was measured: figures on the test films and on other data, and the ablation."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fxkit.errors import RunError
from fxkit.html import picture_uri
from fxkit.metrics.scores import p_text
from preprocess.errors import KnownError

T = TypeVar("T")


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, ready to be shown; NaN where undefined."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    n_groups: int = 0

    @property
    def text(self) -> str:
        if math.isnan(self.value):
            return "undefined"
        if math.isnan(self.low):
            return f"{self.value:.2f}"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def signed(self) -> str:
        if math.isnan(self.value):
            return "undefined"
        return f"{self.value:+.2f} ({self.low:+.2f} to {self.high:+.2f})"

    @property
    def drawable(self) -> bool:
        """All three lie in 0..1, so that a bar can show them."""
        return all(0 <= number <= 1 for number in (self.low, self.value, self.high))


def estimate(name: str, values: Mapping[str, Any]) -> Estimate:
    """Build an Estimate of what a JSON file holds; None and a missing limit become NaN."""
    value, low, high = (_number(values.get(key)) for key in ("value", "low", "high"))
    return Estimate(name, value, low, high, int(values.get("n_groups") or 0))


def _number(value: object) -> float:
    return math.nan if value is None else float(value)  # type: ignore[arg-type]


def read_part(path: Path, build: Callable[[dict[str, Any]], T]) -> T | None:
    """Read a JSON file and build a part of the report of it; None where there is no such file.

    Raises:
        RunError: damaged, or other than its command writes it.
    """
    if not path.is_file():
        return None
    try:
        return build(json.loads(path.read_text(encoding="utf-8")))
    except KnownError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path}: cannot be read ({type(error).__name__}: {error}); expected what fxkit writes: run the command "
            "that made it again, or delete it"
        ) from error


@dataclass(frozen=True)
class Share:
    """How much of the attention lies on markers, over some films that have any; means over films.

    Attributes:
        ratio: of attention to area.
        chance: where the ratio would lie, in 95 of 100 cases, if the same shapes lay anywhere on the same films.
    """

    name: str
    films: int
    attention: float
    area: float
    ratio: Estimate
    chance: tuple[float, float]
    verdict: str


@dataclass(frozen=True)
class Pointing:
    """The pointing game: on how many films with boxes the map's peak lies in one."""

    films: int
    hits: Estimate
    chance: float


@dataclass(frozen=True)
class Attention:
    sheet: str | None
    films: int = 0
    marked: int = 0  # films with known markers
    empty: int = 0  # of these, films whose map is empty, which leaves no share
    method: str = ""
    resolution: str = ""
    shares: tuple[Share, ...] = ()  # of the others: all first, then parts
    pointing: Pointing | None = None
    sanity: float | None = None  # rank correlation with the maps of shuffled weights
    trusted: bool = True  # that correlation is low enough


def read_attention(run: Path) -> Attention | None:
    """Read RUN/cam/attention.json and the contact sheet; None where there is neither."""
    sheet, found = picture_uri(run / "cam" / "sheet.png"), run / "cam" / "attention.json"
    told = read_part(found, lambda values: _attention(sheet, values))
    return told or (Attention(sheet) if sheet else None)


def _attention(sheet: str | None, values: dict[str, Any]) -> Attention:
    return Attention(
        sheet=sheet,
        films=int(values["n_films"]),
        marked=int(values["n_marked"]),
        empty=int(values["n_empty"]),
        method=str(values["method"]),
        resolution=str(values["resolution"]),
        shares=tuple(map(_share, values["shares"])),
        pointing=_pointing(values["pointing"]) if values["pointing"] else None,
        sanity=None if values["sanity"] is None else float(values["sanity"]),
        trusted=bool(values["trusted"]),
    )


def _share(values: dict[str, Any]) -> Share:
    return Share(
        name=str(values["name"]),
        films=int(values["n_films"]),
        attention=float(values["attention"]),
        area=float(values["area"]),
        ratio=estimate("", {"value": values["ratio"], "low": values["low"], "high": values["high"]}),
        chance=(float(values["chance_low"]), float(values["chance_high"])),
        verdict=str(values["verdict"]),
    )


def _pointing(values: dict[str, Any]) -> Pointing:
    return Pointing(int(values["n_films"]), estimate("", values["strict"]), float(values["strict_chance"]))


POINT_NAMES = ("sensitivity", "specificity", "ppv", "npv", "ppv_at_prevalence", "npv_at_prevalence")


@dataclass(frozen=True)
class Point:
    """An operating point by film."""

    name: str
    threshold: float
    chosen: str  # on how many films
    prevalence: float | None
    figures: tuple[Estimate | None, ...]  # as POINT_NAMES


@dataclass(frozen=True)
class Part:
    """A subgroup by film: each figure with its gap to the other films."""

    name: str
    n_films: int
    n_groups: int
    few: bool
    figures: tuple[tuple[Estimate, Estimate], ...]


@dataclass(frozen=True)
class Details:
    """By film; what an older metrics.json does not hold is empty."""

    ece: Estimate | None
    lines: tuple[tuple[Estimate, str], ...]  # debiased error, slope and intercept, and what they mean
    points: tuple[Point, ...]
    parts: tuple[Part, ...]
    multiplicity: str
    groups: tuple[Estimate, ...]  # figures by group
    n_pure: int
    n_mixed: int
    reliability: str | None
    decision_curve: str | None


def read_details(values: Mapping[str, Any], pictures: Path) -> Details:
    """Build the details of what metrics.json holds, with the pictures beside it."""
    found = (values.get("calibration") or {}).get("film")
    group = values.get("group") or {"n": 0, "figures": {}}
    return Details(
        ece=estimate("ECE", {"value": found["ece"]}) if found else None,
        lines=_lines(found) if found else (),
        points=tuple(map(_point, values.get("operating_points") or ())),
        parts=tuple(map(_part, values.get("subgroups") or ())),
        multiplicity=str(values.get("multiplicity") or ""),
        groups=tuple(estimate(name, one) for name, one in group["figures"].items()),
        n_pure=int(group["n"]),
        n_mixed=int(values.get("n_mixed") or 0),
        reliability=picture_uri(pictures / "reliability.png"),
        decision_curve=picture_uri(pictures / "decision_curve.png"),
    )


def _lines(found: Mapping[str, Any]) -> tuple[tuple[Estimate, str], ...]:
    meanings = {
        "error": ("calibration error without chance", "0 is right"),
        "slope": ("calibration slope", "1 is right, less is overconfident"),
        "intercept": ("calibration in the large", "0 is right, above 0 the probabilities are too low"),
    }
    return tuple((estimate(name, found[key]), text) for key, (name, text) in meanings.items() if found.get(key))


def _point(values: Mapping[str, Any]) -> Point:
    film = values["levels"]["film"]
    chosen = f"{int(values['chosen_films'])} validation films of {int(values['chosen_groups'])} groups"
    return Point(
        name=str(values["target"]),
        threshold=float(values["threshold"]),
        chosen=chosen if values["chosen_on"] else "given",
        prevalence=values["prevalence"],
        figures=tuple(estimate(name, film[name]) if name in film else None for name in POINT_NAMES),
    )


def _part(values: Mapping[str, Any]) -> Part:
    return Part(
        name=f"{values['attribute']} = {values['value']}",
        n_films=int(values["n_films"]),
        n_groups=int(values["n_groups"]),
        few=bool(values["few"]),
        figures=tuple(
            (estimate(name, one), estimate(name, values["gaps"][name])) for name, one in values["figures"].items()
        ),
    )


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


@dataclass(frozen=True)
class Fold:
    found: Estimate  # by film
    n_films: int
    n_files: int


@dataclass(frozen=True)
class Folds:
    """Figures by film, of each film by the model that did not see it."""

    scores: Scores  # pooled
    metric: str
    mean: Estimate
    spread: Estimate  # standard deviation of the folds
    each: tuple[Fold, ...]


def read_folds(run: Path) -> Folds | None:
    """Read RUN/metrics_out_of_fold.json and its pictures; None where the run is not one of folds."""
    drawn = run / "figures" / "out_of_fold"
    return read_part(run / "metrics_out_of_fold.json", lambda values: _folds(values, drawn))


def _folds(values: dict[str, Any], drawn: Path) -> Folds:
    folds = values["folds"]
    metric = metric_name(str(folds["metric"]))
    return Folds(
        scores=scores_of(values, "", drawn),
        metric=metric,
        mean=estimate(metric, folds["mean"]),
        spread=estimate("standard deviation", {"value": folds["spread"]}),
        each=tuple(
            Fold(estimate(f"fold {fold['fold']}", fold["found"]), int(fold["n_films"]), int(fold["n_files"]))
            for fold in folds["each"]
        ),
    )
