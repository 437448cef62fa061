"""The result of an ablation: scores of each pair of arms, paired differences with intervals and p, and a verdict."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fxkit.ablation.settings import AblationOptions
from fxkit.errors import RunError
from fxkit.metrics.bootstrap import intervals, paired_difference
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Metric, scored
from fxkit.metrics.significance import permutation_p
from fxkit.models.run_folder import write_json
from fxkit.report.ablation import RESULT, Ablation, Cell, Contrast

Tested = Mapping[tuple[str, str], Sequence[Predictions]]  # (trained, tested) -> one for each seed, of the same films


def score_cells(metric: Metric, tested: Tested) -> tuple[Cell, ...]:
    """Return the score of each pair of arms with its interval over groups."""
    cells = []
    for (trained, other), runs in tested.items():
        interval = intervals([metric], runs)[metric.name]
        cells.append(Cell(trained=trained, tested=other, value=interval.value, low=interval.low, high=interval.high))
    return tuple(cells)


def compare_scores(metric: Metric, key: str, text: str, a: Sequence[Predictions], b: Sequence[Predictions]) -> Contrast:
    """Return metric(a) - metric(b), averaged over seeds, with its interval and p over groups."""
    pairs = [(scored(x), scored(y)) for x, y in zip(a, b, strict=True)]
    return build_contrast(key, text, paired_difference(metric, a, b), permutation_p(metric, pairs, a[0].groups))


def build_contrast(key: str, text: str, interval: Interval, p: float) -> Contrast:
    """Return a difference with its interval and p as a contrast."""
    return Contrast(key=key, text=text, value=interval.value, low=interval.low, high=interval.high, p=p)


def refuse_earlier(folder: Path, options: AblationOptions) -> None:
    """Raise RunError if the folder holds an ablation, unless the options resume or overwrite it."""
    if (folder / RESULT).exists() and not (options.resume or options.overwrite):
        raise RunError(f"{folder}: holds an ablation already; choose another --out, or give --resume or --overwrite")


def write_result(folder: Path, result: Ablation) -> None:
    """Write ablation.json."""
    write_json(folder / RESULT, result.to_dict())


def format_table(result: Ablation) -> list[tuple[str, ...]]:
    """Return the scores as a table of text: a heading, then one row for each arm that models were trained on.

    If each arm was tested only on its own films, or a given model was tested, there is a single column of scores.
    """
    if result.is_given:
        return [(f"{result.metric} by film", ""), *((c.tested, f"{c.interval:.3f}") for c in result.cells)]
    texts = {(c.trained, c.tested): f"{c.interval:.3f}" for c in result.cells}
    trained, tested = (tuple(dict.fromkeys(names)) for names in zip(*texts, strict=True))
    if len(texts) == len(trained) and trained == tested:
        return [(f"{result.metric} by film", ""), *((arm, texts[arm, arm]) for arm in trained)]
    rows = [(f"{result.metric} by film", *(f"tested on {arm}" for arm in tested))]
    return rows + [(f"trained on {arm}", *(texts.get((arm, other), "") for other in tested)) for arm in trained]


def format_lines(result: Ablation) -> list[str]:
    """Return the contrasts and the effects of pasting as lines of text."""
    lines = [f"{c.text}: {c.describe('+.3f')}" for c in result.contrasts]
    for flip in result.flips:
        lines.append(
            f"markers of another class {flip.name}: {flip.by_marker:.1%} of predictions change from correct to wrong; "
            f"with patches of background instead: {flip.by_patch:.1%}; difference with 95 % interval "
            f"{flip.difference:+.1%}"
        )
    return lines
