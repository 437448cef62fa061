"""The result of an ablation: scores of each pair of arms, paired differences with intervals and p, and a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fxkit.metrics.bootstrap import intervals, paired_difference
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Metric, p_text, scored
from fxkit.metrics.significance import permutation_p
from fxkit.metrics.summary import as_json
from fxkit.models.run_folder import write_json


@dataclass(frozen=True)
class Flips:
    """What pasting does to the decisions of the models trained on raw films; means over seeds.

    Attributes:
        name: inserted (own markers stay) or swapped (they are erased).
        by_marker, by_patch: share of films whose decision left their true class.
        difference: of the two.
        fall: of the true class's probability, by the marker minus by the patch.
    """

    name: str
    by_marker: float
    by_patch: float
    difference: Interval
    fall: Interval


RESULT = "ablation.json"


Tested = Mapping[tuple[str, str], Sequence[Predictions]]  # (trained, tested) -> one for each seed, of the same films


@dataclass(frozen=True)
class Cell:
    """One arm's model tested on one arm's films; the mean over seeds."""

    trained: str
    tested: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Contrast:
    """A paired difference of the figure.

    Attributes:
        key: for programs.
        text: what minus what, in words.
        p: two-sided, by exchanging the two within groups.
    """

    key: str
    text: str
    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Ablation:
    """What was found; ablation.json holds the same.

    Attributes:
        mode: quick (a linear head on frozen features) or full (both phases of training).
        folds: 0 where the records' own split was used.
        contrasts: the first is what the verdict is about.
        n_erased: of the tested files, those on which markers were found and erased; None where nothing was.
        stamp: the line that the figures bear where the split leaks.
        backbone: of all its models; "" where the arms differ in it.
        manifest: `films_hash` of the manifest, so that a run's audit tells whether it is about the same films.
    """

    name: str
    question: str
    mode: str
    seeds: tuple[int, ...]
    folds: int
    metric: str
    margin: float
    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]
    flips: tuple[Flips, ...]
    verdict: str
    reason: str
    limits: str
    n_groups: int
    n_films: int
    n_files: int
    n_erased: int | None = None
    stamp: str = ""
    backbone: str = ""
    manifest: str = ""


def score_cells(metric: Metric, tested: Tested) -> tuple[Cell, ...]:
    """Return the score of each pair of arms with its interval over groups."""
    cells = []
    for (trained, other), runs in tested.items():
        interval = intervals([metric], runs)[metric.name]
        cells.append(Cell(trained, other, interval.value, interval.low, interval.high))
    return tuple(cells)


def compare_scores(metric: Metric, key: str, text: str, a: Sequence[Predictions], b: Sequence[Predictions]) -> Contrast:
    """Return metric(a) - metric(b), averaged over seeds, with its interval and p over groups."""
    pairs = [(scored(x), scored(y)) for x, y in zip(a, b, strict=True)]
    return build_contrast(key, text, paired_difference(metric, a, b), permutation_p(metric, pairs, a[0].groups))


def build_contrast(key: str, text: str, interval: Interval, p: float) -> Contrast:
    """Return a difference with its interval and p as a contrast."""
    return Contrast(key, text, interval.value, interval.low, interval.high, p)


def describe(contrast: Contrast, number_format: str = ".3f", *, sides: str = "") -> str:
    """Return the value of a contrast as text with its interval and p.

    Args:
        sides: follows p, such as " one-sided".
    """
    value, low, high = (format(number, number_format) for number in (contrast.value, contrast.low, contrast.high))
    return f"{value} (95 % interval {low} to {high}, {p_text(contrast.p)}{sides})"


def write_result(folder: Path, result: Ablation) -> None:
    """Write ablation.json."""
    write_json(folder / RESULT, as_json(asdict(result)))


def format_table(result: Ablation) -> list[tuple[str, ...]]:
    """Return the scores as a table of text: a heading, then a row for each arm trained on.

    If each arm was tested only on its own films, there is a single column of scores.
    """
    texts = {(c.trained, c.tested): f"{c.value:.3f} ({c.low:.3f} to {c.high:.3f})" for c in result.cells}
    trained, tested = (tuple(dict.fromkeys(names)) for names in zip(*texts, strict=True))
    if len(texts) == len(trained) and trained == tested:
        return [(f"{result.metric} by film", ""), *((arm, texts[arm, arm]) for arm in trained)]
    rows = [(f"{result.metric} by film", *(f"tested on {arm}" for arm in tested))]
    return rows + [(f"trained on {arm}", *(texts.get((arm, other), "") for other in tested)) for arm in trained]


def format_lines(result: Ablation) -> list[str]:
    """Return the contrasts and the effects of pasting as lines of text."""
    lines = [f"{c.text}: {describe(c, '+.3f')}" for c in result.contrasts]
    for flip in result.flips:
        lines.append(
            f"markers of another class {flip.name}: {flip.by_marker:.1%} of predictions change from correct to wrong, "
            f"with patches of background {flip.by_patch:.1%}; difference with 95 % interval {flip.difference:+.1%}"
        )
    return lines
