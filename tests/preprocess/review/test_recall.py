"""Counts and intervals of a judged sample, against known answers."""

from pathlib import Path

import numpy as np
import pytest

from preprocess.errors import OutputError
from preprocess.markers import Marker, box_quad
from preprocess.review.recall import (
    Recall,
    SampledFilm,
    clustered_share,
    count_markers,
    describe_recall,
    draw_sample,
    exact_share,
    read_recall,
    summarise,
    write_recall,
)
from preprocess.settings import CleanSettings

ONE, TWO = box_quad(10, 10, 40, 25), box_quad(60, 80, 85, 95)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 50, 0, 0.0711), (1, 50, 0.0005, 0.1065), (5, 50, 0.0333, 0.2181), (50, 50, 0.9289, 1)],  # R: binom.test
)
def test_the_interval_of_films_is_exact(count: int, total: int, low: float, high: float) -> None:
    share = exact_share(count, total)
    assert share.value == count / total
    assert (share.low, share.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert exact_share(0, 0).high is None


def test_markers_of_one_film_count_as_one_if_they_are_alike() -> None:
    apart = clustered_share([(1, 1)] * 5 + [(0, 1)] * 45)
    assert (apart.low, apart.high) == (pytest.approx(0.0326, abs=2e-3), pytest.approx(0.22, abs=5e-3))
    alike = clustered_share([(4, 4)] * 5 + [(0, 4)] * 45)  # 200 markers, but 50 films
    assert (alike.low, alike.high) == (pytest.approx(apart.low, abs=1e-3), pytest.approx(apart.high, abs=1e-3))
    assert clustered_share([(0, 4)] * 50).high == pytest.approx(0.0711, abs=1e-4)
    assert clustered_share([(0, 0)] * 50).value is None


def test_the_interval_of_markers_holds_its_level() -> None:
    rng, truth, inside = np.random.default_rng(0), 0.1, 0
    for _ in range(400):
        rates = rng.beta(0.5, 4.5, 50)  # films differ: most miss nothing, some much
        share = clustered_share([(int(rng.binomial(3, rate)), 3) for rate in rates])
        assert share.low is not None
        assert share.high is not None
        inside += share.low <= truth <= share.high
    assert inside / 400 > 0.93


def test_what_was_seen_on_the_cleaned_film_or_not_covered_was_missed() -> None:
    erased = [(ONE, "lead"), (box_quad(5, 60, 15, 70), "")]
    film = SampledFilm(path="a", left=[box_quad(61, 81, 84, 94)], network=erased)
    count_markers(film, [Marker(ONE, style="lead"), Marker(TWO)], (120, 90), CleanSettings())
    assert (film.found, film.missed, film.false, film.judged) == (1, 1, 1, True)
    unseen = SampledFilm(path="a", left=[], network=[(ONE, "lead")])
    count_markers(unseen, [Marker(ONE), Marker(TWO)], (120, 90), CleanSettings())
    assert (unseen.found, unseen.missed, unseen.false) == (1, 1, 0)
    partly = SampledFilm(path="a", left=[], network=[(box_quad(10, 10, 25, 25), "")])
    count_markers(partly, [Marker(ONE), Marker(TWO, style="plate")], (120, 90), CleanSettings())
    assert (partly.found, partly.missed, partly.false) == (0, 1, 0)
    mistaken = SampledFilm(path="a", left=[TWO], network=[])
    count_markers(mistaken, [], (120, 90), CleanSettings())
    assert (mistaken.found, mistaken.missed) == (0, 0)


def test_a_larger_sample_begins_with_the_smaller_one() -> None:
    paths = [f"{number}\udcff.png" for number in range(1000)]
    small, large = draw_sample(paths, 20, 0), draw_sample(reversed(paths), 50, 0)
    assert large[:20] == small
    assert small != draw_sample(paths, 20, 1)
    assert 300 < np.mean([int(path[:-5]) for path in draw_sample(paths, 200, 0)]) < 700


def test_the_result_in_words_and_in_the_file(tmp_path: Path) -> None:
    sample = [SampledFilm(path=str(number), judged=True, found=2) for number in range(50)]
    recall = Recall(seed=0, population=900, folder=1000, cleaned_with="x", sample=sample)
    summarise(recall)
    assert describe_recall(recall) == (
        "at most 8 % of films still bear a marker (0 of 50 films judged at random, 95 % interval 0.0% to 7.1%)"
    )
    write_recall(tmp_path / "recall.json", recall)
    assert read_recall(tmp_path / "recall.json") == recall
    assert (recall.markers.found, recall.markers.missed, recall.is_complete) == (100, 0, True)
    assert read_recall(tmp_path / "none.json") is None
    (tmp_path / "recall.json").write_text('{"seed": "x"}')
    with pytest.raises(OutputError, match=r"is not a sample of fxkit review .*; restore it, or delete it and judge"):
        read_recall(tmp_path / "recall.json")
