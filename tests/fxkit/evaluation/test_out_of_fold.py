"""Out-of-fold metrics, pooled and by fold, against known values."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.errors import DataError
from fxkit.evaluation.fold_predictions import pool
from fxkit.evaluation.out_of_fold import evaluate_folds, mean_over_folds, write_out_of_fold
from fxkit.metrics.bootstrap import intervals
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ACCURACY, AUROC, scored
from fxkit.models.run_folder import read_json
from fxkit.report.results import read_scores


def make_part(scores: list[float], labels: list[int], name: str, copies: int = 1) -> Predictions:
    """Make films with the given number of copies, each film in a group of its own."""
    films = [f"{name}{i}" for i in range(len(scores)) for _ in range(copies)]
    positive = np.repeat(scores, copies)
    return Predictions(
        classes=("no", "yes"),
        paths=tuple(f"{film}-{i}.png" for i, film in enumerate(films)),
        labels=np.repeat(labels, copies),
        probabilities=np.stack([1 - positive, positive], axis=1),
        films=tuple(films),
        groups=tuple(films),
    )


GOOD = make_part([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], "a", copies=2)
SHIFTED = make_part([0.6, 0.7, 0.8, 0.9], [0, 0, 1, 1], "b")  # same ranking, but higher probabilities of "yes"
POOR = make_part([0.2, 0.3, 0.2, 0.3], [0, 0, 1, 1], "c")


def test_no_auroc_compares_films_of_different_folds() -> None:
    result = evaluate_folds([GOOD, SHIFTED])
    assert [fold.score.value for fold in result.folds.each] == [1.0, 1.0]
    assert (result.folds.mean.value, result.folds.spread) == (1.0, 0.0)
    assert result.headline.value == 1.0  # across folds, the shifted "no" films rank above the other "yes" films
    assert result.pooled.group is not None
    assert result.pooled.group.figures["auroc"].value == 1.0
    assert result.pooled.film.figures["accuracy"].value == 0.5
    assert (result.pooled.n_films, result.pooled.n_files, result.pooled.n_groups) == (8, 12, 8)


def test_every_pair_of_a_fold_counts_as_much() -> None:
    large = make_part([0.1] * 6 + [0.9] * 6, [0] * 6 + [1] * 6, "d")  # 36 pairs in the right order
    result = evaluate_folds([POOR, large])  # POOR has 4 pairs, of which 2 count
    assert result.headline.value == pytest.approx(38 / 40)
    assert result.folds.mean.value == pytest.approx(0.75)


def test_films_in_several_folds_are_compared_with_all() -> None:
    halves = [GOOD.take(np.arange(start, 8, 2)) for start in (0, 1)]  # one copy of each film in each
    joined = pool(halves)
    assert joined.folds is not None
    assert joined.by_film().folds is None


def test_intervals_of_out_of_fold_scores_are_wider_than_those_of_one_model() -> None:
    rng = np.random.default_rng(1)
    parts = [make_part(list(rng.random(20)), [0, 1] * 10, name) for name in "ab"]
    joined = pool(parts)
    for metric in (AUROC, ACCURACY):
        folds, alone = (intervals([metric], p)[metric.name] for p in (joined, replace(joined, folds=None)))
        assert folds.high - folds.low > 1.1 * (alone.high - alone.low)


def test_mean_and_spread_are_computed_over_the_folds() -> None:
    result = evaluate_folds([GOOD, POOR, SHIFTED])
    assert [fold.score.value for fold in result.folds.each] == [1.0, 0.5, 1.0]
    assert result.folds.mean.value == pytest.approx(2.5 / 3)
    assert result.folds.mean.low < 2.5 / 3 < result.folds.mean.high
    assert result.folds.spread == pytest.approx(np.std([1.0, 0.5, 1.0], ddof=1))
    assert [(fold.n_films, fold.n_files) for fold in result.folds.each] == [(4, 8), (4, 4), (4, 4)]


def test_a_fold_without_a_defined_metric_is_left_out() -> None:
    both = pool([GOOD, POOR]).by_film()
    folds = np.array([0] * 4 + [1] * 4)
    mean = mean_over_folds(AUROC, folds)
    one_class = np.where((folds == 1) & (both.labels == 1), 0.0, 1.0)
    weights = np.stack([np.ones(8), one_class, np.zeros(8)])
    np.testing.assert_allclose(mean.compute(scored(both), weights), [0.75, 1.0, np.nan])


def test_the_mean_over_one_fold_equals_the_metric_and_its_interval() -> None:
    mean = mean_over_folds(AUROC, np.zeros(len(POOR), np.int64))
    assert intervals([mean], POOR)[mean.name] == intervals([AUROC], POOR)["auroc"]


def test_more_than_two_classes_use_the_mean_over_classes() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 3
    parts = [
        Predictions(
            classes=("a", "b", "c"),
            paths=tuple(f"{fold}-{i}" for i in range(12)),
            labels=labels,
            probabilities=0.2 * rng.dirichlet(np.ones(3), 12) + 0.8 * np.eye(3)[labels],
            films=tuple(f"{fold}-{i}" for i in range(12)),
            groups=tuple(f"{fold}-{i}" for i in range(12)),
        )
        for fold in range(3)
    ]
    result = evaluate_folds(parts)
    assert (result.folds.metric, result.folds.mean.value, result.headline.value) == ("macro_auroc", 1.0, 1.0)


def test_pooled_rows_have_the_requested_order() -> None:
    order = [*SHIFTED.paths, *GOOD.paths]
    joined = pool([GOOD, SHIFTED], order)
    assert list(joined.paths) == order
    assert joined.probabilities[:4, 1].tolist() == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert pool([GOOD, SHIFTED]).paths == (*GOOD.paths, *SHIFTED.paths)


def test_the_files_contain_the_results(tmp_path: Path) -> None:
    result = evaluate_folds([GOOD, POOR], stamp="leaking folds: fold 0")
    write_out_of_fold(tmp_path, pool([GOOD, POOR]), result)
    values = read_json(tmp_path / "metrics_out_of_fold.json")
    assert values["film"]["figures"]["auroc"]["value"] == pytest.approx(result.headline.value)
    assert values["folds"]["mean"]["value"] == pytest.approx(0.75)
    assert [fold["found"]["value"] for fold in values["folds"]["each"]] == [1.0, 0.5]
    assert values["leaks"]["stamp"] == result.stamp
    names = {path.name for path in (tmp_path / "figures" / "out_of_fold").iterdir()}
    assert names == {"confusion.png", "roc.png", "precision_recall.png"}
    assert read_scores(tmp_path) is None  # out-of-fold metrics are not metrics of a test set


def test_films_without_a_known_class_are_refused() -> None:
    unknown = make_part([0.5, 0.5], [-1, -1], "d")
    with pytest.raises(DataError, match="no file has a known class"):
        evaluate_folds([unknown, unknown])
