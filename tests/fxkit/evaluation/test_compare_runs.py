"""Comparison of two models on the same films: paired differences, and p values that keep their level."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binomtest, norm

from fxkit.cli.compare import compare as command
from fxkit.data.manifest import usable
from fxkit.errors import DataError, RunError
from fxkit.evaluation.compare_runs import compare_predictions, compare_runs
from fxkit.metrics.bootstrap import paired_difference
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC, BRIER, SENSITIVITY, scored
from fxkit.metrics.significance import p_value, permutation_p
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run
from fxkit.models.saved import load_model


def make_pair(n: int = 60, each: int = 1, gain: float = 0.0, seed: int = 0) -> tuple[Predictions, Predictions]:
    """Predict n groups of `each` films by two models with equal noise.

    Model a separates the classes by `gain` more than model b.
    """
    rng = np.random.default_rng(seed)
    members = np.repeat(np.arange(n), each)
    labels = members % 2
    common = rng.normal(size=n)[members]
    sides = []
    for shift in (1 + gain, 1.0):
        p = norm.cdf(shift * (labels - 0.5) + 0.7 * common + 0.7 * rng.normal(size=len(labels)))
        names = tuple(map(str, range(len(labels))))
        groups = tuple(map(str, members))
        sides.append(Predictions(("intact", "fractured"), names, labels, np.stack([1 - p, p], 1), names, groups))
    return sides[0], sides[1]


def test_differences_equal_those_of_the_paired_bootstrap() -> None:
    a, b = make_pair(each=2, gain=0.5)
    comparison = compare_predictions(a, b, resamples=200)
    row = next(row for row in comparison.rows if row.metric == "auroc")
    expected = paired_difference(AUROC, a, b, resamples=200)
    assert (row.difference.value, row.difference.low, row.difference.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
    assert row.difference.value == pytest.approx(row.a.value - row.b.value)
    assert (comparison.n_films, comparison.n_groups, row.test) == (120, 60, "permutation")


def test_each_model_uses_its_own_threshold() -> None:
    a, b = make_pair()
    rows = {row.metric: row for row in compare_predictions(a, b, thresholds=(0.0, 1.0), resamples=50).rows}
    assert (rows["sensitivity"].a.value, rows["sensitivity"].b.value) == (1, 0)


def test_delong_is_used_for_groups_of_one_film_and_agrees_with_the_permutation_test() -> None:
    a, b = (scored(side) for side in make_pair(120, gain=0.3))
    groups = tuple(map(str, range(120)))
    p, test = p_value(AUROC, a, b, groups)
    assert test == "DeLong"
    assert permutation_p(AUROC, [(a, b)], groups) == pytest.approx(p, abs=0.05)
    assert p_value(AUROC, a, b, tuple(str(i // 2) for i in range(120)))[1] == "permutation"


def test_all_swaps_of_few_groups_give_the_p_value_of_the_exact_mcnemar_test() -> None:
    # Only a detects 8 of the positives and only b detects 1: a two-sided binomial test of 8 in 9 discordant pairs.
    labels = np.ones(10, int)
    a, b = np.array([1] * 8 + [0, 1]), np.array([0] * 8 + [1, 1])
    sides = [
        scored(Predictions(("n", "y"), tuple("0123456789"), labels, np.stack([1 - p, p], 1), ("f",) * 10, ("g",) * 10))
        for p in (a.astype(float), b.astype(float))
    ]
    p, test = p_value(SENSITIVITY, sides[0], sides[1], tuple("0123456789"))
    assert test == "exact permutation"
    assert p == pytest.approx(binomtest(8, 9).pvalue)
    assert permutation_p(SENSITIVITY, [(sides[0], sides[0])], tuple("0123456789")) == 1.0


def test_the_scale_of_a_models_probabilities_does_not_change_the_auroc_test() -> None:
    a, b = make_pair(each=2)
    squeezed = replace(a, probabilities=np.stack([1 - a.probabilities[:, 1] ** 4, a.probabilities[:, 1] ** 4], 1))
    p_plain, p_squeezed = (permutation_p(AUROC, [(scored(side), scored(b))], a.groups) for side in (a, squeezed))
    assert p_plain == p_squeezed


def test_p_values_of_equal_models_keep_their_level_over_groups() -> None:
    n_small = 0
    for seed in range(200):
        a, b = make_pair(20, each=3, seed=seed)
        n_small += permutation_p(BRIER, [(scored(a), scored(b))], a.groups, swaps=200) <= 0.05
    assert 1 <= n_small <= 22  # 10 are expected; the chance of more than 22 is 1 in 5,000


def test_a_better_model_has_a_significant_difference() -> None:
    a, b = make_pair(150, each=2, gain=1.5)
    row = compare_predictions(a, b, resamples=100).rows[0]
    assert row.difference.low > 0
    assert row.p < 0.01


def test_files_of_only_one_run_are_left_out_and_different_labels_are_refused() -> None:
    a, b = make_pair()
    comparison = compare_predictions(a, b.take(np.arange(50)[::-1]), resamples=50)
    assert (comparison.n_films, comparison.only_a, comparison.only_b) == (50, 10, 0)
    assert "left out: 10 files that only a predicted, and 0 that only b predicted" in str(comparison)
    with pytest.raises(DataError, match=r"differ in the classes of the same files \(.*; no, yes\)"):
        compare_predictions(a, replace(b, classes=("no", "yes")))
    with pytest.raises(DataError, match="differ in the groups of the same files"):
        compare_predictions(a, replace(b, groups=tuple(f"g{i}" for i in range(60))))
    with pytest.raises(DataError, match="differ in the labels of the same files; expected"):
        compare_predictions(a, replace(b, labels=1 - b.labels))
    with pytest.raises(DataError, match="no film with a known class in common; expected predictions of the same films"):
        compare_predictions(a, replace(b, paths=tuple(f"x{i}" for i in range(60))))


@pytest.fixture
def runs(trained: Run, tmp_path: Path) -> tuple[Path, Path]:
    """A run, and a copy of it whose predictions have the two classes exchanged."""
    folders = [Path(shutil.copytree(trained.folder, tmp_path / name)) for name in "ab"]
    predictions = predict_records(
        load_model(folders[0]), trained.root, usable(trained.records, "test"), trained.config.data
    )
    predictions.write_csv(folders[0] / "predictions.csv")
    replace(predictions, probabilities=predictions.probabilities[:, ::-1]).write_csv(folders[1] / "predictions.csv")
    return folders[0], folders[1]


def test_the_command_prints_a_table_or_json(runs: tuple[Path, Path]) -> None:
    done = CliRunner().invoke(command, [*map(str, runs)], catch_exceptions=False)
    first, positive, heading, *rows, last = done.stdout.splitlines()
    expected = compare_runs(*runs)
    assert first == f"{expected.n_films} films, {expected.n_groups} groups; differences are a (a) minus b (b)"
    assert positive == f"positive class: {expected.positive}" == "positive class: fractured"
    assert heading.split()[:3] == ["figure", "a", "b"]
    assert [row.split()[0] for row in rows] == [row.metric for row in expected.rows]
    assert last == "6 figures were tested; a single small p value can be due to chance"
    done = CliRunner().invoke(command, [*map(str, runs), "--json"], catch_exceptions=False)
    assert json.loads(done.stdout)["rows"][0]["difference"]["value"] == expected.rows[0].difference.value


def test_a_run_without_predictions_is_refused(runs: tuple[Path, Path]) -> None:
    (runs[1] / "predictions.csv").unlink()
    with pytest.raises(RunError, match=r"predictions\.csv: no such file; make it with `fxkit evaluate "):
        compare_runs(*runs)
