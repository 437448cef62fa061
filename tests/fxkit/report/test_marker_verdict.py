"""The rule of the marker verdict: what gives which verdict, and what an older result is judged to be."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from fxkit.metrics.intervals import Interval
from fxkit.report.ablation import Ablation, Cell, Contrast
from fxkit.report.coverage import ClassCoverage, Coverage
from fxkit.report.marker_verdict import judge, judge_again, read_ablation


def cover(*classes: tuple[float, int], left: int = 0, kept: tuple[str, ...] = ()) -> Coverage:
    """Build the coverage of classes with this number of cleaned films and of films."""
    names = ("intact", "fractured", "third", "fourth")
    by_class = {
        name: ClassCoverage(n_films=n, n_erased=math.ceil(cleaned), n_left=left, cleaned=cleaned)
        for name, (cleaned, n) in zip(names, classes, strict=False)
    }
    return Coverage(sum(math.ceil(c) for c, _ in classes), sum(n for _, n in classes), by_class, kept)


ALL = cover((20, 20), (20, 20))

GOOD = Cell(trained="raw", tested="raw", value=0.85, low=0.7, high=0.95)
POOR = Cell(trained="raw", tested="raw", value=0.6, low=0.45, high=0.75)

FIGURES = tuple[float, float, float, float]
NONE = (0.0, -0.03, 0.03, 0.9)


def both(markers: FIGURES, log_odds: FIGURES) -> list[Contrast]:
    return [
        Contrast(key=key, text="", value=value, low=low, high=high, p=p)
        for key, (value, low, high, p) in (("markers", markers), ("log_odds", log_odds))
    ]


@pytest.mark.parametrize(
    ("raw", "markers", "log_odds", "verdict", "words"),
    [
        (GOOD, (0.2, 0.05, 0.35, 0.001), (0.5, 0.2, 0.8, 0.001), "reliance", "the score falls without them"),
        (GOOD, (0.03, -0.01, 0.07, 0.2), (0.5, 0.2, 0.8, 0.001), "reliance", "the score falls without them"),
        (GOOD, (0.02, 0.01, 0.03, 0.01), (0.5, 0.2, 0.8, 0.001), "reliance", "but by less than 0.05"),
        (GOOD, (-0.01, -0.1, 0.08, 0.9), (0.5, 0.2, 0.8, 0.001), "undecided", "more test patients are needed"),
        (GOOD, (0.2, 0.05, 0.35, 0.001), (0.1, -0.1, 0.3, 0.06), "undecided", "more test patients are needed"),
        (GOOD, NONE, NONE, "no evidence", "a loss of 0.05 or more in the score is excluded"),
        (GOOD, (-0.1, -0.2, -0.01, 0.01), NONE, "no evidence", "is excluded"),
        (POOR, (0.2, 0.05, 0.3, 0.001), NONE, "undecided", "so no loss can be excluded"),
        (POOR, NONE, NONE, "undecided", "not shown to be better than chance (AUROC 0.600, lower limit 0.450)"),
        (POOR, (0.2, 0.1, 0.3, 0.001), (0.5, 0.2, 0.8, 0.001), "reliance", "without them; the models trained on raw"),
        (POOR, (0.2, 0.1, 0.3, 0.001), (0.5, 0.2, 0.8, 0.001), "reliance", "not shown to be better than chance (AUROC"),
    ],
)
def test_reliance_needs_lost_log_odds_and_a_lower_score(
    raw: Cell, markers: FIGURES, log_odds: FIGURES, verdict: str, words: str
) -> None:
    judged = judge(raw, both(markers, log_odds), ALL, 0.05)
    assert judged.verdict == verdict
    reason = judged.reason
    assert "on 40 of 40 test films (20 of 20 intact, 20 of 20 fractured)" in reason
    assert words in reason
    assert f"{markers[0]:.3f}" in reason
    assert f"{log_odds[0]:.3f}" in reason


def test_without_erased_markers_the_verdict_is_undecided() -> None:
    judged = judge(GOOD, both(NONE, NONE), cover((0, 20), (0, 20)), 0.05)
    assert judged.verdict == "undecided"
    assert judged.reason.startswith("no marker was erased on any test film")


def test_p_is_never_printed_as_0() -> None:
    reason = judge(GOOD, both((0.2, 0.05, 0.35, 0.0002), (0.1, 0.01, 0.2, 0.0304)), ALL, 0.05).reason
    assert "to 0.350, p < 0.001)" in reason
    assert "to 0.200, p = 0.030 one-sided)" in reason


@pytest.mark.parametrize(
    ("coverage", "words"),
    [
        (cover((3, 120), (3, 120)), "only 6 of 240 test films (3 of 120 intact, 3 of 120 fractured) were cleaned"),
        (cover((120, 120), (59, 120)), "only 179 of 240 test films (59 of 120 fractured, 120 of 120 intact)"),
        (cover((3, 120), (3, 120), left=110), "still sees markers on 220 test films: clean the films again"),
        (cover((3, 120), (3, 120)), "sees no other markers: look for missed ones in review.html"),
        (cover((20, 20), (20, 20), kept=("--keep 'R'",)), "clean-labels ran with --keep 'R', which leaves markers"),
        (Coverage(6, 240), "only 6 of 240 test files were cleaned"),
    ],
)
def test_no_loss_is_excluded_by_films_that_kept_their_markers(coverage: Coverage, words: str) -> None:
    judged = judge(GOOD, both((0.0, -0.001, 0.001, 0.9), NONE), coverage, 0.05)
    assert judged.verdict == "undecided"
    assert words in judged.reason


def test_the_limit_of_the_loss_is_divided_by_the_lowest_share_of_cleaned_films() -> None:
    loss = (0.0, -0.03, 0.03, 0.9)
    assert judge(GOOD, both(loss, NONE), cover((20, 20), (13, 20)), 0.05).verdict == "no evidence"  # 0.03 / 0.65 < 0.05
    judged = judge(GOOD, both(loss, NONE), cover((20, 20), (11, 20)), 0.05)  # 0.03 / 0.55 > 0.05
    assert judged.verdict == "undecided"
    assert (
        "divided by the share of cleaned films (55% in the class with the lowest), its upper limit is 0.055"
        in judged.reason
    )


def test_reliance_on_few_films_is_reliance() -> None:
    judged = judge(GOOD, both((0.02, 0.01, 0.03, 0.01), (0.5, 0.2, 0.8, 0.001)), cover((3, 120), (3, 120)), 0.05)
    assert judged.verdict == "reliance"


def test_the_score_on_the_films_without_markers_is_told() -> None:
    unmarked = Interval(0.85, 0.8, 0.9, n=234)
    reason = judge(GOOD, both(NONE, NONE), cover((3, 120), (3, 120)), 0.05, unmarked).reason
    assert reason.endswith(
        "on the 234 raw test films without a marker that was found, the AUROC is 0.850 (0.800 to 0.900)"
    )


def test_a_weak_score_and_few_cleaned_films_are_both_told() -> None:
    reason = judge(POOR, both(NONE, NONE), cover((3, 120), (3, 120)), 0.05).reason
    assert "not shown to be better than chance" in reason
    assert "only 6 of 240 test films" in reason


def build_ablation(**changes: Any) -> Ablation:
    values: dict[str, Any] = {
        "name": "masked-vs-raw",
        "mode": "quick",
        "seeds": (0,),
        "metric": "auroc",
        "margin": 0.05,
    }
    values |= {"cells": (GOOD,), "contrasts": both(NONE, NONE), "flips": (), "verdict": "no evidence", "reason": "old"}
    values |= {"n_groups": 200, "n_films": 240, "n_files": 240, "n_erased": 230}
    return Ablation(**values | changes)


def test_an_older_result_is_judged_by_the_rule_of_this_version() -> None:
    assert judge_again(build_ablation()).verdict == "no evidence"
    few = judge_again(build_ablation(n_erased=6))
    assert few.verdict == "undecided"
    assert few.reason.startswith("only 6 of 240 test files were cleaned")
    assert judge_again(build_ablation(n_erased=130)).verdict == "undecided"  # 0.03 / 0.54 > 0.05
    lost = both((0.2, 0.1, 0.3, 0.001), (0.5, 0.2, 0.8, 0.001))
    assert judge_again(build_ablation(contrasts=lost)).verdict == "reliance"


def test_a_result_without_its_figures_cannot_be_no_evidence_with_few_films() -> None:
    assert judge_again(build_ablation(cells=())).reason == "old"
    few = judge_again(build_ablation(cells=(), n_erased=6))
    assert (few.verdict, few.reason.endswith("; old")) == ("undecided", True)
    unknown = judge_again(build_ablation(n_erased=None))
    assert unknown.verdict == "undecided"
    assert unknown.reason.startswith("the result does not say how many films were cleaned: run the ablation again")
    assert judge_again(build_ablation(n_erased=None, verdict="reliance")).verdict == "reliance"


def test_other_ablations_are_not_judged_again(tmp_path: Path) -> None:
    other = build_ablation(name="backbones", verdict="no difference", n_erased=None)
    assert judge_again(other) == other
    assert read_ablation(tmp_path) is None


def test_a_stored_verdict_does_not_count(tmp_path: Path) -> None:
    few = build_ablation(coverage=cover((3, 120), (3, 120)).by_class, n_erased=6)
    (tmp_path / "ablation.json").write_text(json.dumps(few.to_dict()))
    ablation = read_ablation(tmp_path)
    assert ablation is not None
    assert (ablation.verdict, few.verdict) == ("undecided", "no evidence")
