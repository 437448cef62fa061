"""The verdict of a marker ablation: the rule that `fxkit ablate` applies, and every reader of an older result again."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import read_optional_json
from fxkit.report.ablation import RESULT, Ablation, Cell, Contrast
from fxkit.report.coverage import Coverage, find_gaps, find_imbalance
from preprocess.words import amount

MARKERS = "masked-vs-raw"  # name of the ablation

ALPHA = 0.05

CHANCE = 0.5  # the AUROC of a model that knows nothing

RELIANCE, NO_EVIDENCE, UNDECIDED = "reliance", "no evidence", "undecided"


@dataclass(frozen=True)
class MarkerVerdict:
    """The verdict, its reason, and what a reader must know besides; `findings` may be empty."""

    verdict: str
    reason: str
    findings: tuple[str, ...] = ()


def judge(
    raw: Cell, contrasts: Sequence[Contrast], coverage: Coverage, margin: float, unmarked: Interval | None = None
) -> MarkerVerdict:
    """Return the verdict of a marker ablation.

    Verdict `reliance` needs two findings: erasing the markers lowers the log-odds of the true class, and it lowers the
    score. The first is a single one-sided test (`measure_lost_log_odds`), so at most 5 % of models without reliance get
    this verdict. It does not need a score above chance: a model whose only knowledge is the markers may score low.

    Verdict `no evidence` needs a score above chance, because a model at chance has no score that could fall. It needs
    enough cleaned films of every class (`find_gaps`). And the upper limit of the loss, divided by the lowest share of
    cleaned films of a class, must lie below the margin: a film whose markers stay can lose nothing, so the loss is
    diluted by at most that share.

    Pasted markers of another class are not used: the markers of one donor are on several films, so the error estimate
    would be too small.

    Args:
        raw: models trained and tested on raw films.
        margin: smallest loss in the score that matters.
        unmarked: the score on the films without markers; named if few films were cleaned.
    """
    by_key = {c.key: c for c in contrasts}
    loss, lost = by_key["markers"], by_key["log_odds"]
    if coverage.n_erased == 0:
        reason = "no marker was erased on any test film, so there is nothing to compare; check review.html"
        return MarkerVerdict(UNDECIDED, reason)
    effect = (
        f"compared with erasing the same area elsewhere, erasing the markers on {coverage.text} gives models trained "
        f"on raw films a loss of {lost.describe(sides=' one-sided')} in the log-odds of the true class and a loss of "
        f"{loss.describe()} in the score"
    )
    findings = tuple(filter(None, [find_imbalance(coverage)]))
    if lost.p <= ALPHA and loss.value > 0:
        small = f", but by less than {margin:.2f}" if loss.high < margin else ""
        weak = "" if raw.low > CHANCE else f"; {_describe_weak_score(raw)}"
        reason = f"{effect}: the models use the markers, and the score falls without them{small}{weak}"
        return MarkerVerdict(RELIANCE, reason, findings)
    verdict, reason = _judge_without_reliance(raw, loss, coverage, margin, effect)
    return MarkerVerdict(verdict, reason + _describe_unmarked(unmarked), findings)


def _judge_without_reliance(
    raw: Cell, loss: Contrast, coverage: Coverage, margin: float, effect: str
) -> tuple[str, str]:
    weak = [] if raw.low > CHANCE else [f"{_describe_weak_score(raw)}, so no loss can be excluded"]
    obstacles = [*weak, *find_gaps(coverage)]
    if obstacles:
        return UNDECIDED, f"{'; '.join(obstacles)}; {effect}"
    highest = loss.high / coverage.lowest_share
    if highest < margin:
        return NO_EVIDENCE, f"{effect}: a loss of {margin:.2f} or more in the score is excluded"
    if loss.high < margin:
        return UNDECIDED, (
            f"{effect}: divided by the share of cleaned films ({coverage.lowest_share:.0%} in the class with the "
            f"lowest), its upper limit is {highest:.3f}, so a loss of {margin:.2f} is not excluded for films that all "
            "bear markers; more test patients are needed"
        )
    return UNDECIDED, (
        f"{effect}: no loss and a loss of {margin:.2f} or more in the score are both possible; more test patients are "
        "needed"
    )


def _describe_weak_score(raw: Cell) -> str:
    return (
        f"the models trained on raw films are not shown to be better than chance (AUROC {raw.value:.3f}, lower limit "
        f"{raw.low:.3f})"
    )


def _describe_unmarked(unmarked: Interval | None) -> str:
    if unmarked is None or math.isnan(unmarked.value):
        return ""
    return (
        f"; on the {amount(unmarked.n, 'raw test film')} without a marker that was found, the AUROC is {unmarked:.3f}"
    )


def judge_again(ablation: Ablation) -> Ablation:
    """Return a marker ablation with the verdict that this version gives to its figures; others are unchanged.

    Version 0.1.0 did not ask how many films were cleaned. Where figures are missing, `no evidence` becomes `undecided`
    if too few films were cleaned, and other verdicts stay.
    """
    if ablation.name != MARKERS:
        return ablation
    raw, keys = ablation.cell("raw", "raw"), {c.key for c in ablation.contrasts}
    has_figures = {"markers", "log_odds"} <= keys and ablation.n_erased is not None
    if raw is not None and has_figures and not math.isnan(ablation.margin):
        judged = judge(raw, ablation.contrasts, ablation.cleaned, ablation.margin, ablation.unmarked)
        return ablation.model_copy(update=vars(judged))
    unknown = "the result does not say how many films were cleaned: run the ablation again"
    gaps = [unknown] if ablation.n_erased is None else find_gaps(ablation.cleaned)
    if ablation.verdict != NO_EVIDENCE or not gaps:
        return ablation
    return ablation.model_copy(update={"verdict": UNDECIDED, "reason": f"{'; '.join(gaps)}; {ablation.reason}"})


def read_ablation(run: Path) -> Ablation | None:
    """Read RUN/ablation.json, or the ablation's file one folder up if the run is its raw arm; see `judge_again`.

    The verdict is about the models trained on raw films. It does not hold for the other arms, or for other runs in the
    same folder.
    """
    ablation = read_optional_json(run / RESULT, Ablation.model_validate)
    if ablation is None and re.fullmatch(r"raw-seed\d+(-fold\d+)?", run.resolve().name):
        ablation = read_optional_json(run.resolve().parent / RESULT, Ablation.model_validate)
    return judge_again(ablation) if ablation else None
