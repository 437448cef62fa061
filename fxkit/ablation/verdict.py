"""What masked-vs-raw concludes: reliance on markers, no evidence of it, or undecided."""

from collections.abc import Sequence
from dataclasses import dataclass

from fxkit.ablation.result import Cell, Contrast
from fxkit.scores import p_text

ALPHA = 0.05


@dataclass(frozen=True)
class Erased:
    """How many of the tested files bear markers that were erased."""

    files: int
    of: int


def judge(raw: Cell, contrasts: Sequence[Contrast], erased: Erased, margin: float) -> tuple[str, str]:
    """Return the verdict and its reason.

    Reliance takes both: evidence that the markers speak for their films' classes (`log_odds_lost`: one test, one-sided,
    so that it is said by chance in 5 % at most), and a score that falls with them. What another class's markers cost
    has no say: one donor's markers lie on several films, so that its errors are told too small.

    Args:
        raw: trained and tested on raw films.
        margin: the largest loss that counts as none.
    """
    found = {c.key: c for c in contrasts}
    erasing, lost = found["markers"], found["log_odds"]
    cost = (
        f"erasing the markers from {erased.files} of {erased.of} test files takes {_told(lost, ' one-sided')} from the "
        "log-odds that the models trained on raw films give a film's own class, and costs them a score of "
        f"{_told(erasing)}, both beyond what erasing as much elsewhere does"
    )
    if erased.files == 0:
        return "undecided", "no marker was erased on any test film, so nothing was compared; look at review.html"
    if raw.low <= 0.5:
        return "undecided", (
            f"the models trained on raw films are not clearly better than chance (AUROC {raw.value:.3f}, interval "
            f"from {raw.low:.3f}), so there is no score that markers could explain; {cost}"
        )
    if lost.p <= ALPHA and erasing.value > 0:
        small = f", though for less than {margin:.2f} of it" if erasing.high < margin else ""
        return "reliance", f"{cost}: the models use the markers, and the score falls without them{small}"
    if erasing.high < margin:
        return "no evidence", f"{cost}: a cost of {margin:.2f} by erasing is excluded"
    return "undecided", (
        f"{cost}: both no cost and one of {margin:.2f} or more are possible; more test patients are needed"
    )


def _told(c: Contrast, sides: str = "") -> str:
    return f"{c.value:.3f} (95 % interval {c.low:.3f} to {c.high:.3f}, {p_text(c.p)}{sides})"
