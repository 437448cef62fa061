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

    Two contrasts are looked at: what erasing the markers costs beyond erasing as much elsewhere, and what another
    class's markers cost beyond other markers of the own class. Each is above 0 by chance, in p and interval, in 2.5 %
    of cases, so that reliance is said by chance in 5 %.

    Args:
        raw: trained and tested on raw films.
        margin: the largest loss that counts as none.
    """
    found = {c.key: c for c in contrasts}
    erasing, swapped = found["markers"], found["swapped"]
    cost = (
        f"erasing the markers from {erased.files} of {erased.of} test files costs the models trained on raw films "
        f"{_told(erasing)} beyond what erasing as much elsewhere costs; another class's markers in their place cost "
        f"{_told(swapped)} more than other markers of the own class"
    )
    if erased.files == 0:
        return "undecided", "no marker was erased on any test film, so nothing was compared; look at review.html"
    if raw.low <= 0.5:
        return "undecided", (
            f"the models trained on raw films are not clearly better than chance (AUROC {raw.value:.3f}, interval "
            f"from {raw.low:.3f}), so there is no score that markers could explain; {cost}"
        )
    if any(c.low > 0 and c.p <= ALPHA for c in (erasing, swapped)):
        return "reliance", f"{cost}: the models use the markers"
    if erasing.high < margin:
        return "no evidence", f"{cost}: a cost of {margin:.2f} by erasing is excluded"
    return "undecided", (
        f"{cost}: both no cost and one of {margin:.2f} or more are possible; more test patients are needed"
    )


def _told(c: Contrast) -> str:
    return f"{c.value:.3f} (95 % interval {c.low:.3f} to {c.high:.3f}, {p_text(c.p)})"
