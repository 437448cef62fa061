"""What `fxkit ablate` writes to ablation.json: scores of each pair of arms, paired differences, and a verdict."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from fxkit.html import load_template
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult, Number
from fxkit.metrics.names import metric_name
from fxkit.metrics.scores import p_text
from fxkit.report.coverage import ClassCoverage, Coverage
from preprocess.errors import one_line

RESULT = "ablation.json"

VERDICTS = {
    "reliance": "The model relies on markers",
    "no evidence": "No evidence that the model relies on markers",
    "undecided": "Undecided whether the model relies on markers",
}

GIVEN = "given"  # the mode that tests a given model and trains nothing; also the name of the model in the cells


class Cell(JsonResult):
    """The models trained on one arm, tested on the films of one arm; the mean over seeds.

    In mode given, `trained` is "given".
    """

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

    def describe(self, number_format: str = ".3f", *, sides: str = "") -> str:
        """Return the value as text with its interval and p.

        Args:
            sides: follows p, such as " one-sided".
        """
        value, low, high = (format(number, number_format) for number in (self.value, self.low, self.high))
        limits = f"95 % interval {low} to {high}" if self.interval.has_limits else "too few groups for an interval"
        return f"{value} ({limits}, {p_text(self.p)}{sides})"


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
    """All that ablation.json holds. A notebook shows it as tables; `str(ablation)` is the same as text.

    Attributes:
        mode: quick (a linear head on frozen features), full (both phases of training), or given (nothing was trained).
        folds: 0 if the manifest's own split was used.
        contrasts: the verdict is about the first one.
        n_erased: tested files on which markers were erased; None if nothing was erased.
        coverage: class -> how many of its test films were cleaned; empty in files of version 0.1.0.
        kept: settings of clean-labels that leave some markers, such as "--keep 'R'".
        unmarked: the score of models trained on raw films, on the raw test films without any marker that was erased or
            seen; None if most films were cleaned.
        findings: what a reader must know besides the verdict.
        stamp: the warning shown with the figures if the split leaks.
        backbone: backbone of all models; "" if the arms use different ones.
        manifest: `films_hash` of the manifest, so that an audit can tell whether a run has the same films.
        made_with: `describe_training` of the models, so that an audit can tell whether a run has the same settings;
            empty in files of version 0.1.0.
        model, model_sha256: in mode given: what the user named, such as a file, and the hash of the model.
        predictions: in mode given: SHA-256 of the predictions.csv in the folder, whose probabilities the model gave for
            the raw films; "" if there was none.
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
    coverage: Mapping[str, ClassCoverage] = Field(default_factory=dict)
    kept: tuple[str, ...] = ()
    unmarked: Interval | None = None
    findings: tuple[str, ...] = ()
    stamp: str = ""
    backbone: str = ""
    manifest: str = ""
    made_with: dict[str, Any] = Field(default_factory=dict)
    model: str = ""
    model_sha256: str = ""
    predictions: str = ""
    positive: str = ""

    @property
    def cleaned(self) -> Coverage:
        """Which of the tested films were cleaned."""
        return Coverage(self.n_erased or 0, self.n_files, self.coverage, self.kept)

    @property
    def is_given(self) -> bool:
        """Whether a given model was tested, and nothing was trained."""
        return self.mode == GIVEN

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

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the scores of all pairs of arms as columns, from which pandas or polars makes a table."""
        names = ("trained", "tested", "value", "low", "high")
        return {name: [getattr(cell, name) for cell in self.cells] for name in names}

    def __str__(self) -> str:
        lines = [f"verdict: {self.verdict}", f"reason: {one_line(self.reason)}"]
        lines += [f"finding: {one_line(finding)}" for finding in self.findings]
        lines += [f"{self.stamp}"] if self.stamp else []
        lines.append(f"{metric_name(self.metric)} by film")
        for cell in self.cells:
            trained = "" if self.is_given else f"trained on {cell.trained}, "
            lines.append(f"  {f'{trained}tested on {cell.tested}':<34} {cell.interval:.3f}")
        return "\n".join([*lines, *(f"{c.text}: {c.describe('+.3f')}" for c in self.contrasts)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        page = load_template("report/ablation_result.html")
        return page.render(ablation=self, verdicts=VERDICTS, metric_name=metric_name, p_text=p_text)
