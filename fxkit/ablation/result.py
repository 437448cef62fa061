"""What an ablation found: a table of trained by tested, paired differences with intervals and p, and a verdict."""

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


Tested = Mapping[tuple[str, str], Sequence[Predictions]]  # (trained, tested) -> one a seed, of the same films


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


def cells_of(metric: Metric, tested: Tested) -> tuple[Cell, ...]:
    """Return the figure of every pair of arms, with its interval over groups."""
    cells = []
    for (trained, shown), runs in tested.items():
        found = intervals([metric], runs)[metric.name]
        cells.append(Cell(trained, shown, found.value, found.low, found.high))
    return tuple(cells)


def contrast(metric: Metric, key: str, text: str, a: Sequence[Predictions], b: Sequence[Predictions]) -> Contrast:
    """Return metric(a) - metric(b), averaged over seeds, with its interval and p over groups."""
    found: Interval = paired_difference(metric, a, b)
    pairs = [(scored(x), scored(y)) for x, y in zip(a, b, strict=True)]
    return Contrast(key, text, found.value, found.low, found.high, permutation_p(metric, pairs, a[0].groups))


def write_result(folder: Path, result: Ablation) -> None:
    write_json(folder / RESULT, as_json(asdict(result)))


def table(result: Ablation) -> list[tuple[str, ...]]:
    """Return the table as text: a heading row, then a row an arm trained on; one line an arm where nothing crosses."""
    shown = {(c.trained, c.tested): f"{c.value:.3f} ({c.low:.3f} to {c.high:.3f})" for c in result.cells}
    trained, tested = (tuple(dict.fromkeys(names)) for names in zip(*shown, strict=True))
    if len(shown) == len(trained) and trained == tested:
        return [(f"{result.metric} by film", ""), *((arm, shown[arm, arm]) for arm in trained)]
    rows = [(f"{result.metric} by film", *(f"tested on {arm}" for arm in tested))]
    return rows + [(f"trained on {arm}", *(shown.get((arm, other), "") for other in tested)) for arm in trained]


def sentences(result: Ablation) -> list[str]:
    """Return the differences and flips as lines of text."""
    lines = [
        f"{c.text}: {c.value:+.3f} (95 % interval {c.low:+.3f} to {c.high:+.3f}, {p_text(c.p)})"
        for c in result.contrasts
    ]
    for flip in result.flips:
        lines.append(
            f"another class's marker {flip.name}: {flip.by_marker:.1%} of decisions leave the truth, by a patch of "
            f"background {flip.by_patch:.1%}; difference {flip.difference.value:+.1%} (95 % interval "
            f"{flip.difference.low:+.1%} to {flip.difference.high:+.1%})"
        )
    return lines
