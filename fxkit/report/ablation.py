"""What `fxkit ablate` writes to ablation.json: scores of each pair of arms, paired differences, and a verdict."""

import math
import re
from pathlib import Path

from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult, Number, read_optional_json

RESULT = "ablation.json"


class Cell(JsonResult):
    """The models trained on one arm, tested on the films of one arm; the mean over seeds."""

    trained: str
    tested: str
    value: Number
    low: Number
    high: Number

    @property
    def interval(self) -> Interval:
        """The value with its interval."""
        return Interval(self.value, self.low, self.high)


class Contrast(JsonResult):
    """A paired difference of the score.

    Attributes:
        key: name of the difference, for programs.
        text: what minus what, in words.
        p: two-sided p value of a permutation test that swaps the two sides group by group. For the key log_odds it is
            one-sided: small only if erasing the markers lowers the log-odds of the true class.
    """

    key: str
    text: str
    value: Number
    low: Number
    high: Number
    p: Number

    @property
    def interval(self) -> Interval:
        """The difference with its interval."""
        return Interval(self.value, self.low, self.high)


class Flips(JsonResult):
    """What pasting does to the decisions of the models trained on raw films; means over seeds.

    Attributes:
        name: inserted (the film's own markers stay) or swapped (they are erased).
        by_marker, by_patch: share of films whose decision changed from correct to wrong.
        difference: by_marker minus by_patch.
        fall: drop in the probability of the true class with markers, minus the drop with patches.
    """

    name: str
    by_marker: Number
    by_patch: Number
    difference: Interval
    fall: Interval = Interval(math.nan)


class Ablation(JsonResult):
    """All that ablation.json holds.

    Attributes:
        mode: quick (a linear head on frozen features) or full (both phases of training).
        folds: 0 if the manifest's own split was used.
        contrasts: the verdict is about the first one.
        n_erased: tested files on which markers were erased; None if nothing was erased.
        stamp: the warning shown with the figures if the split leaks.
        backbone: backbone of all models; "" if the arms use different ones.
        manifest: `films_hash` of the manifest, so that an audit can tell whether a run has the same films.
        positive: the positive class; "" unless there are two classes.
    """

    name: str
    question: str = ""
    mode: str
    seeds: tuple[int, ...]
    folds: int = 0
    metric: str
    margin: Number = math.nan
    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]
    flips: tuple[Flips, ...]
    verdict: str
    reason: str
    limits: str = ""
    n_groups: int
    n_films: int
    n_files: int
    n_erased: int | None = None
    stamp: str = ""
    backbone: str = ""
    manifest: str = ""
    positive: str = ""

    @property
    def trained(self) -> tuple[str, ...]:
        """The arms that models were trained on, in order."""
        return tuple(dict.fromkeys(cell.trained for cell in self.cells))

    @property
    def tested(self) -> tuple[str, ...]:
        """The arms that models were tested on, in order."""
        return tuple(dict.fromkeys(cell.tested for cell in self.cells))

    def cell(self, trained: str, tested: str) -> Cell | None:
        """Return the cell of two arms; None if that pair was not tested."""
        return next((cell for cell in self.cells if (cell.trained, cell.tested) == (trained, tested)), None)


def read_ablation(run: Path) -> Ablation | None:
    """Read RUN/ablation.json, or the ablation's file one folder up if the run is its raw arm.

    The verdict is about the models trained on raw films. It does not hold for the other arms, or for other runs in the
    same folder.
    """
    ablation = read_optional_json(run / RESULT, Ablation.model_validate)
    if ablation is not None or not re.fullmatch(r"raw-seed\d+(-fold\d+)?", run.resolve().name):
        return ablation
    return read_optional_json(run.resolve().parent / RESULT, Ablation.model_validate)
