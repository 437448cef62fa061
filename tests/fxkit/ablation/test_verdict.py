"""masked-vs-raw's verdict, from given figures."""

import pytest

from fxkit.ablation.result import Cell, Contrast
from fxkit.ablation.verdict import Erased, judge

GOOD = Cell("raw", "raw", 0.85, 0.7, 0.95)
ERASED = Erased(30, 40)


FIGURES = tuple[float, float, float, float]
NONE = (0.0, -0.03, 0.03, 0.9)


def both(markers: FIGURES, log_odds: FIGURES) -> list[Contrast]:
    return [Contrast("markers", "", *markers), Contrast("log_odds", "", *log_odds)]


@pytest.mark.parametrize(
    ("raw", "markers", "log_odds", "verdict", "words"),
    [
        (GOOD, (0.2, 0.05, 0.35, 0.001), (0.5, 0.2, 0.8, 0.001), "reliance", "the score falls without them"),
        (GOOD, (0.03, -0.01, 0.07, 0.2), (0.5, 0.2, 0.8, 0.001), "reliance", "the score falls without them"),
        (GOOD, (0.02, 0.01, 0.03, 0.01), (0.5, 0.2, 0.8, 0.001), "reliance", "though for less than 0.05 of it"),
        (GOOD, (-0.01, -0.1, 0.08, 0.9), (0.5, 0.2, 0.8, 0.001), "undecided", "more test patients are needed"),
        (GOOD, (0.2, 0.05, 0.35, 0.001), (0.1, -0.1, 0.3, 0.06), "undecided", "more test patients are needed"),
        (GOOD, NONE, NONE, "no evidence", "a cost of 0.05 by erasing is excluded"),
        (GOOD, (-0.1, -0.2, -0.01, 0.01), NONE, "no evidence", "is excluded"),
        (Cell("raw", "raw", 0.6, 0.45, 0.75), (0.2, 0.05, 0.3, 0.001), NONE, "undecided", "not clearly better than"),
    ],
)
def test_reliance_takes_evidence_and_a_score_that_falls(
    raw: Cell, markers: FIGURES, log_odds: FIGURES, verdict: str, words: str
) -> None:
    given, reason = judge(raw, both(markers, log_odds), ERASED, 0.05)
    assert given == verdict
    assert "from 30 of 40 test files" in reason
    assert words in reason
    assert f"{markers[0]:.3f}" in reason
    assert f"{log_odds[0]:.3f}" in reason


def test_nothing_erased_is_nothing_compared() -> None:
    verdict, reason = judge(GOOD, both(NONE, NONE), Erased(0, 40), 0.05)
    assert verdict == "undecided"
    assert reason.startswith("no marker was erased on any test film")


def test_no_p_is_told_as_0() -> None:
    _, reason = judge(GOOD, both((0.2, 0.05, 0.35, 0.0002), (0.1, 0.01, 0.2, 0.0304)), ERASED, 0.05)
    assert "to 0.350, p < 0.001)" in reason
    assert "to 0.200, p = 0.030 one-sided)" in reason
