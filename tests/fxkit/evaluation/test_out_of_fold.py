"""Out-of-fold figures: pooled and by fold, each with a known answer."""

from pathlib import Path

import numpy as np
import pytest

from fxkit.errors import DataError
from fxkit.evaluation.out_of_fold import figures_of_folds, mean_over_folds, pool, write_out_of_fold
from fxkit.metrics.bootstrap import intervals
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ACCURACY, AUROC, scored
from fxkit.models.run_folder import read_json
from fxkit.report.results import read_scores


def part(scores: list[float], labels: list[int], name: str, copies: int = 1) -> Predictions:
    """Films of their own groups, each with some copies."""
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


GOOD = part([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], "a", copies=2)
SHIFTED = part([0.6, 0.7, 0.8, 0.9], [0, 0, 1, 1], "b")  # as good, but it says "yes" more readily
POOR = part([0.2, 0.3, 0.2, 0.3], [0, 0, 1, 1], "c")


def test_pooled_figures_compare_over_folds_and_their_mean_does_not() -> None:
    found = figures_of_folds([GOOD, SHIFTED])
    assert [fold.found.value for fold in found.folds] == [1.0, 1.0]
    assert (found.mean.value, found.spread) == (1.0, 0.0)
    assert found.headline.value == pytest.approx(0.75)  # 12 of the 16 pairs: the shifted "no" outrank the other "yes"
    assert (found.pooled.n_films, found.pooled.n_files, found.pooled.n_groups) == (8, 12, 8)


def test_the_mean_and_the_spread_are_those_of_the_folds() -> None:
    found = figures_of_folds([GOOD, POOR, SHIFTED])
    assert [fold.found.value for fold in found.folds] == [1.0, 0.5, 1.0]
    assert found.mean.value == pytest.approx(2.5 / 3)
    assert found.mean.low < 2.5 / 3 < found.mean.high
    assert found.spread == pytest.approx(np.std([1.0, 0.5, 1.0], ddof=1))
    assert [(fold.n_films, fold.n_files) for fold in found.folds] == [(4, 8), (4, 4), (4, 4)]


def test_a_fold_in_which_the_metric_is_undefined_is_left_out() -> None:
    both = pool([GOOD, POOR]).by_film()
    folds = np.array([0] * 4 + [1] * 4)
    mean = mean_over_folds(AUROC, folds)
    one_class = np.where((folds == 1) & (both.labels == 1), 0.0, 1.0)
    weights = np.stack([np.ones(8), one_class, np.zeros(8)])
    np.testing.assert_allclose(mean.compute(scored(both), weights), [0.75, 1.0, np.nan])


def test_a_mean_over_one_fold_is_the_metric_with_its_interval() -> None:
    mean = mean_over_folds(ACCURACY, np.zeros(len(POOR), np.int64))
    assert intervals([mean], POOR)[mean.name] == intervals([ACCURACY], POOR)["accuracy"]


def test_more_classes_have_the_mean_over_classes() -> None:
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
    found = figures_of_folds(parts)
    assert (found.metric, found.mean.value, found.headline.value) == ("macro_auroc", 1.0, 1.0)


def test_pooled_rows_stand_in_the_order_asked_for() -> None:
    wanted = [*SHIFTED.paths, *GOOD.paths]
    joined = pool([GOOD, SHIFTED], wanted)
    assert list(joined.paths) == wanted
    assert joined.probabilities[:4, 1].tolist() == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert pool([GOOD, SHIFTED]).paths == (*GOOD.paths, *SHIFTED.paths)


def test_the_files_hold_what_was_found(tmp_path: Path) -> None:
    found = figures_of_folds([GOOD, POOR], stamp="leaking folds: fold 0")
    write_out_of_fold(tmp_path, pool([GOOD, POOR]), found)
    assert Predictions.read_csv(tmp_path / "out_of_fold.csv").paths == (*GOOD.paths, *POOR.paths)
    values = read_json(tmp_path / "metrics_out_of_fold.json")
    assert values["film"]["figures"]["auroc"]["value"] == pytest.approx(found.headline.value)
    assert values["folds"]["mean"]["value"] == pytest.approx(0.75)
    assert [fold["found"]["value"] for fold in values["folds"]["each"]] == [1.0, 0.5]
    assert values["leaks"]["stamp"] == found.stamp
    names = {path.name for path in (tmp_path / "figures" / "out_of_fold").iterdir()}
    assert names == {"confusion.png", "roc.png", "precision_recall.png"}
    assert read_scores(tmp_path) is None  # these are no figures of a test


def test_films_of_no_known_class_give_no_figures() -> None:
    unknown = part([0.5, 0.5], [-1, -1], "d")
    with pytest.raises(DataError, match="no file has a known class"):
        figures_of_folds([unknown, unknown])
