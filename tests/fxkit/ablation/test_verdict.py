"""masked-vs-raw's verdict, from given figures."""

import pytest

from fxkit.ablation.result import Cell, Contrast
from fxkit.ablation.verdict import Erased, judge

GOOD = Cell("raw", "raw", 0.85, 0.7, 0.95)
ERASED = Erased(30, 40)


def both(markers: tuple[float, float, float, float], swapped: tuple[float, float, float, float]) -> list[Contrast]:
    return [Contrast("markers", "", *markers), Contrast("swapped", "", *swapped)]


NONE = (0.0, -0.03, 0.03, 0.9)


@pytest.mark.parametrize(
    ("raw", "markers", "swapped", "verdict", "words"),
    [
        (GOOD, (0.2, 0.05, 0.35, 0.001), NONE, "reliance", "the models use the markers"),
        (GOOD, NONE, (0.2, 0.05, 0.35, 0.001), "reliance", "the models use the markers"),
        (GOOD, NONE, NONE, "no evidence", "a cost of 0.05 by erasing is excluded"),
        (GOOD, (-0.1, -0.2, -0.01, 0.01), NONE, "no evidence", "is excluded"),
        (GOOD, (0.05, -0.1, 0.2, 0.3), NONE, "undecided", "more test patients are needed"),
        (GOOD, (0.05, 0.01, 0.2, 0.06), NONE, "undecided", "more test patients are needed"),
        (Cell("raw", "raw", 0.6, 0.45, 0.75), (0.2, 0.05, 0.3, 0.001), NONE, "undecided", "not clearly better than"),
    ],
)
def test_the_verdict_follows_intervals_and_p(
    raw: Cell,
    markers: tuple[float, float, float, float],
    swapped: tuple[float, float, float, float],
    verdict: str,
    words: str,
) -> None:
    given, reason = judge(raw, both(markers, swapped), ERASED, 0.05)
    assert given == verdict
    assert "from 30 of 40 test files" in reason
    assert words in reason
    assert f"{markers[0]:.3f}" in reason


def test_nothing_erased_is_nothing_compared() -> None:
    verdict, reason = judge(GOOD, both(NONE, NONE), Erased(0, 40), 0.05)
    assert verdict == "undecided"
    assert reason.startswith("no marker was erased on any test film")


def test_no_p_is_told_as_0() -> None:
    _, reason = judge(GOOD, both((0.2, 0.05, 0.35, 0.0002), (0.1, 0.01, 0.2, 0.0304)), ERASED, 0.05)
    assert "to 0.350, p < 0.001)" in reason
    assert "to 0.200, p = 0.030)" in reason
