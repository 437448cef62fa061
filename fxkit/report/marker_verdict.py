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


NOTHING_ERASED = "no marker was erased on any test film, so there is nothing to compare; check review.html"

TRAINED_MODELS, GIVEN_MODEL = "models trained on raw films", "the given model"  # what is judged


@dataclass(frozen=True)
class MarkerVerdict:
    """The verdict, its reason, and what a reader must know besides; `findings` may be empty."""

    verdict: str
    reason: str
    findings: tuple[str, ...] = ()


def judge(
    raw: Cell,
    contrasts: Sequence[Contrast],
    coverage: Coverage,
    margin: float,
    unmarked: Interval | None = None,
    *,
    models: str = TRAINED_MODELS,
) -> MarkerVerdict:
    """Return the verdict of a marker ablation.

    `reliance` needs two findings: erasing the markers lowers the log-odds of the true class, and it lowers the score.
    The first is a single one-sided test (`measure_lost_log_odds`), so at most 5 % of models without reliance get this
    verdict. It needs no score above chance: a model whose only knowledge is the markers may score low.

    `no evidence` needs a score above chance, because a model at chance has no score that could fall. It needs enough
    cleaned films of every class (`find_gaps`). And the upper limit of the loss, divided by the lowest share of cleaned
    films of a class, must lie below the margin: a film whose markers stay can lose nothing, which dilutes the loss.

    Pasted markers of another class are not used: the markers of one donor are on several films, so the error estimate
    would be too small. For a given model, `no evidence` needs more (`_judge_erasing`).

    Args:
        raw: the models, TRAINED_MODELS or GIVEN_MODEL, tested on raw films.
        unmarked: the score on the films without markers; named if few films were cleaned.
    """
    by_key = {c.key: c for c in contrasts}
    loss, lost = by_key["markers"], by_key["log_odds"]
    if coverage.n_erased == 0:
        return MarkerVerdict(UNDECIDED, NOTHING_ERASED)
    effect = _describe_effect(loss, lost, coverage, models)
    findings = tuple(filter(None, [find_imbalance(coverage)]))
    weak = _describe_weak_score(raw, models)
    if lost.p <= ALPHA and loss.value > 0:
        return MarkerVerdict(RELIANCE, _describe_reliance(effect, loss, margin, weak, models), findings)
    obstacles = [*(f"{text}, so no loss can be excluded" for text in [weak] if text), *find_gaps(coverage)]
    verdict, reason = _judge_without_reliance(loss, coverage, margin, effect, obstacles)
    if verdict == NO_EVIDENCE and models == GIVEN_MODEL:
        verdict, reason = _judge_erasing(by_key["erasing"], coverage, margin, reason)
    return MarkerVerdict(verdict, reason + _describe_unmarked(unmarked), findings)


def _describe_effect(loss: Contrast, lost: Contrast, coverage: Coverage, models: str) -> str:
    return (
        f"compared with erasing the same area elsewhere, erasing the markers on {coverage.text} gives {models} a loss "
        f"of {lost.describe(sides=' one-sided')} in the log-odds of the true class and a loss of {loss.describe()} in "
        "the score"
    )


def _describe_reliance(effect: str, loss: Contrast, margin: float, weak: str, models: str) -> str:
    use = "the given model uses" if models == GIVEN_MODEL else "the models use"
    small = f", but by less than {margin:.2f}" if loss.high < margin else ""
    return f"{effect}: {use} the markers, and the score falls without them{small}" + (f"; {weak}" if weak else "")


def _judge_without_reliance(
    loss: Contrast, coverage: Coverage, margin: float, effect: str, obstacles: Sequence[str]
) -> tuple[str, str]:
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


def _judge_erasing(erasing: Contrast, coverage: Coverage, margin: float, reason: str) -> tuple[str, str]:
    """Return the verdict `undecided` if the score may fall by the margin on cleaned films, for whatever reason.

    A given model may have seen no inpainted film. If erasing confuses it wherever it is done, the loss by the markers
    can be hidden in that.
    """
    if erasing.high / coverage.lowest_share < margin:
        return NO_EVIDENCE, reason
    return UNDECIDED, (
        f"{reason}; but on cleaned films the score is {erasing.describe()} below that on raw films, so that a fall of "
        f"{margin:.2f} is not excluded: erasing confuses the given model wherever it is done, and this may hide what "
        "the markers give"
    )


def _describe_weak_score(raw: Cell, models: str) -> str:
    if raw.low > CHANCE:
        return ""
    subject = "the given model is" if models == GIVEN_MODEL else "the models trained on raw films are"
    return f"{subject} not shown to be better than chance (AUROC {raw.value:.3f}, lower limit {raw.low:.3f})"


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
