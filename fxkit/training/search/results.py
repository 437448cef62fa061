"""Write the results of a search: best.yaml, trials.csv and search.png."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from fxkit.config import Config
from fxkit.metrics.figures.style import COLOURS, FAINT, png, style
from fxkit.training.search.space import Range, Space
from preprocess.files import write_atomic
from preprocess.words import amount

if TYPE_CHECKING:
    from matplotlib.axes import Axes


PANELS = 11  # at most, one per setting, beside the panel of scores in trial order

COLUMNS = 4


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        number: number of the trial, from 0.
        state: complete, pruned (stopped early) or failed.
        score: mean over the trained folds; NaN if there are none.
        folds: score of each trained fold.
        settings: dotted key -> value.
        seconds: duration; for a resumed trial, the duration since it was resumed.
        error: why it failed.
    """

    number: int
    state: str
    score: float
    folds: tuple[float, ...]
    settings: Mapping[str, Any]
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search, and the best one."""

    folder: Path
    objective: str
    trials: tuple[Trial, ...]
    best: Trial

    @property
    def ranked(self) -> list[Trial]:
        """The complete trials, best first."""
        sign = -1 if self.objective == "auroc" else 1
        return sorted((t for t in self.trials if t.state == "complete"), key=lambda t: (sign * t.score, t.number))


def write_results(result: SearchResult, space: Space, best: Config) -> None:
    """Write best.yaml (a preset with the best settings), trials.csv (a row per trial) and search.png."""
    score = f"{result.objective} {result.best.score:.4f} out of fold"
    head = (
        f"# The best of {amount(len(result.trials), 'trial')} of fxkit search: {score}.\n"
        "# This figure is optimistic, because it was used to choose these settings. Evaluate on test films instead.\n"
    )
    text = yaml.safe_dump(best.model_dump(mode="json"), sort_keys=False)
    write_atomic(result.folder / "best.yaml", head + text)
    write_atomic(result.folder / "trials.csv", _table(result, list(space)))
    write_atomic(result.folder / "search.png", draw_search(result, space))


def _table(result: SearchResult, keys: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    count = max(len(trial.folds) for trial in result.trials)
    fixed = ["trial", "state", result.objective, *(f"fold_{i}" for i in range(count)), "seconds", "error"]
    writer.writerow([*fixed, *keys])
    for trial in result.trials:
        values = [f"{value:.6f}" for value in trial.folds] + [""] * (count - len(trial.folds))
        score = f"{trial.score:.6f}" if trial.folds else ""
        settings = (json.dumps(trial.settings[key]) for key in keys)
        writer.writerow([trial.number, trial.state, score, *values, trial.seconds, trial.error, *settings])
    return out.getvalue()


def draw_search(result: SearchResult, space: Space) -> bytes:
    """Draw the scores in trial order, and against each setting; return PNG bytes.

    Pruned trials are hollow points at the mean of their trained folds. The best trial has a ring.
    """
    from matplotlib.figure import Figure

    keys = list(space)[:PANELS]
    rows = -(-(1 + len(keys)) // COLUMNS)
    figure = Figure(figsize=(2.7 * COLUMNS, 2.4 * rows), layout="constrained")
    panels = [figure.add_subplot(rows, COLUMNS, i + 1) for i in range(1 + len(keys))]
    _draw_order(panels[0], result)
    for axes, key in zip(panels[1:], keys, strict=True):
        _draw_setting(axes, result, key, space[key])
    for axes in panels:
        style(axes)
    for axes in panels[::COLUMNS]:
        axes.set_ylabel(result.objective)
    return png(figure)


def _draw_order(axes: "Axes", result: SearchResult) -> None:
    from matplotlib.ticker import MaxNLocator

    _points(axes, result, [trial.number + 1 for trial in result.trials])
    better = np.fmax if result.objective == "auroc" else np.fmin
    scores = [trial.score if trial.state == "complete" else np.nan for trial in result.trials]
    axes.plot(range(1, len(scores) + 1), better.accumulate(scores), color=FAINT, lw=1.2, drawstyle="steps-post")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")


def _draw_setting(axes: "Axes", result: SearchResult, key: str, knob: Any) -> None:
    if isinstance(knob, Range):
        _points(axes, result, [trial.settings[key] for trial in result.trials])
        axes.set_xscale("log" if knob.log else "linear")
    else:
        choices = list(knob.choices)
        _points(axes, result, [choices.index(trial.settings[key]) for trial in result.trials])
        axes.set_xticks(range(len(choices)), [str(choice) for choice in choices], fontsize=7)
        axes.set_xlim(-0.5, len(choices) - 0.5)
    axes.set_xlabel(key, fontsize=8)


def _points(axes: "Axes", result: SearchResult, xs: Sequence[float]) -> None:
    for trial, x in zip(result.trials, xs, strict=True):
        filled = COLOURS[0] if trial.state == "complete" else "none"
        edge = COLOURS[0] if trial.state == "complete" else FAINT
        axes.scatter([x], [trial.score], s=22, facecolor=filled, edgecolor=edge)
        if trial == result.best:
            axes.scatter([x], [trial.score], s=90, facecolor="none", edgecolor=COLOURS[1], lw=1.6)
