import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from fxkit.errors import DataError
from fxkit.metrics import scores
from fxkit.metrics.bootstrap import interval, intervals, paired_difference, resampled_weights
from fxkit.metrics.intervals import Support, effective_size, wilson
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC, metrics_for, ranking_metric
from fxkit.metrics.summary import classification_report, confusion_matrix, evaluate_predictions


def binary(labels, positive, groups=None, films=None) -> Predictions:
    positive = np.asarray(positive, float)
    n = len(positive)
    groups = [f"g{i}" for i in range(n)] if groups is None else [str(g) for g in groups]
    return Predictions(
        classes=("intact", "fractured"),
        paths=tuple(f"{i}.png" for i in range(n)),
        labels=np.asarray(labels),
        probabilities=np.stack([1 - positive, positive], axis=1).reshape(-1, 2),
        films=tuple(groups if films is None else [str(f) for f in films]),
        groups=tuple(groups),
    )


def clustered(rng, groups: int, each: int, shift: float, share: float = 0.6) -> Predictions:
    """Groups of one class, whose scores are alike: a share of their variance is common."""
    members = np.repeat(np.arange(groups), each)
    labels = members % 2
    noise = np.sqrt(share) * rng.normal(size=groups)[members]
    noise += np.sqrt(1 - share) * rng.normal(size=len(members))
    return binary(labels, stats.norm.cdf(shift * (labels - 0.5) + noise), members)


weighted_rows = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 1)),
    min_size=2,
)


@settings(max_examples=150, deadline=None)
@given(weighted_rows)
def test_each_formula_agrees_with_scikit_learn_under_weights(rows):
    weights, p, truth = (np.array(column, float) for column in zip(*rows, strict=True))
    seen = truth[weights > 0]
    if not (0 < seen.sum() < len(seen)):
        return
    s = scores.scored(binary(truth.astype(int), p))
    given_weights = {"sample_weight": weights}
    expected = {
        "auroc": reference.roc_auc_score(truth, p, **given_weights),
        "average_precision": reference.average_precision_score(truth, p, **given_weights),
        "accuracy": reference.accuracy_score(truth, s.decisions, **given_weights),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, s.decisions, **given_weights),
        "sensitivity": reference.recall_score(truth, s.decisions, **given_weights),
        "specificity": reference.recall_score(truth, s.decisions, pos_label=0, **given_weights),
        "ppv": reference.precision_score(truth, s.decisions, zero_division=np.nan, **given_weights),
        "npv": reference.precision_score(truth, s.decisions, pos_label=0, zero_division=np.nan, **given_weights),
        "f1": reference.f1_score(truth, s.decisions, **given_weights),
        "brier": reference.brier_score_loss(truth, p, **given_weights),
        "log_loss": reference.log_loss(truth, p, labels=[0, 1], **given_weights),
    }
    for metric in scores.BINARY:
        found = metric.compute(s, weights[None])[0]
        assert found == pytest.approx(expected[metric.name], abs=1e-9, nan_ok=True), metric.name


def test_figures_of_many_classes_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 200).round(2)
    p /= p.sum(axis=1, keepdims=True)
    labels = rng.integers(0, 4, 200)
    names = tuple(map(str, range(200)))
    figures = evaluate_predictions(Predictions(tuple("abcd"), names, labels, p, names, names)).file.figures
    called = p.argmax(axis=1)
    assert figures["macro_auroc"].value == pytest.approx(
        reference.roc_auc_score(labels, p, multi_class="ovr", average="macro")
    )
    assert figures["macro_f1"].value == pytest.approx(reference.f1_score(labels, called, average="macro"))
    assert figures["accuracy"].value == pytest.approx(reference.accuracy_score(labels, called))
    assert figures["balanced_accuracy"].value == pytest.approx(reference.balanced_accuracy_score(labels, called))
    recalls = reference.recall_score(labels, called, average=None)
    assert [figures[f"recall_{c}"].value for c in "abcd"] == pytest.approx(recalls)
    precisions = reference.precision_score(labels, called, average=None)
    assert [figures[f"precision_{c}"].value for c in "abcd"] == pytest.approx(precisions)


def test_a_class_without_files_does_not_spoil_the_macro_figures():
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    names = tuple("xyz")
    figures = evaluate_predictions(
        Predictions(("a", "b", "c"), names, np.array([0, 1, 1]), p, names, names)
    ).file.figures
    assert figures["macro_auroc"].value == 1.0
    assert figures["balanced_accuracy"].value == 0.75
    assert math.isnan(figures["recall_c"].value)
    assert figures["recall_c"].n_groups == 0


def test_metrics_and_headline_follow_the_number_of_classes():
    assert metrics_for(("a", "b")) == scores.BINARY
    assert [m.name for m in metrics_for(("a", "b", "c"))][:6] == [
        "macro_auroc",
        "macro_f1",
        "accuracy",
        "balanced_accuracy",
        "log_loss",
        "recall_a",
    ]
    assert ranking_metric(("a", "b")).name == "auroc"
    assert ranking_metric(("a", "b", "c")).name == "macro_auroc"


def test_wilson_gives_the_published_answers():
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0 / 20, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1 / 29, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_a_perfect_sensitivity_is_as_certain_as_its_groups_are_many():
    p = binary([1] * 50 + [0] * 10, [0.9] * 50 + [0.1] * 10, [f"p{i % 5}" for i in range(50)] + [*"abcdefghij"])
    found = interval(scores.SENSITIVITY, p)
    assert (found.value, found.high, found.n_groups) == (1.0, 1.0, 5)
    assert found.low == pytest.approx(wilson(1.0, 5)[0])
    assert interval(AUROC, p).low == pytest.approx(wilson(1.0, 5)[0])


def test_independent_files_give_about_the_interval_of_a_plain_proportion():
    p = binary([1] * 200, [0.9] * 140 + [0.1] * 60)
    found = interval(scores.SENSITIVITY, p, resamples=4000)
    assert (found.low, found.high) == pytest.approx(wilson(0.7, 200), abs=0.006)


def test_copies_of_one_film_add_no_certainty():
    rng = np.random.default_rng(2)
    labels, p = rng.integers(0, 2, 30), rng.random(30)
    once = interval(AUROC, binary(labels, p))
    copies = binary(np.repeat(labels, 20), np.repeat(p, 20), np.repeat(np.arange(30), 20))
    many = interval(AUROC, copies)
    assert many.value == pytest.approx(once.value)
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=0.02)
    alone = interval(AUROC, binary(np.repeat(labels, 20), np.repeat(p, 20)))
    assert alone.high - alone.low < 0.4 * (many.high - many.low)


def test_one_group_leaves_a_figure_almost_unknown():
    found = interval(scores.ACCURACY, binary([1, 1, 0, 0], [0.9, 0.1, 0.1, 0.1], ["p"] * 4))
    assert found.low < 0.2
    assert found.high > 0.9


def test_undefined_figures_are_not_numbers_and_resamples_without_them_are_counted():
    figures = intervals(scores.BINARY, binary([1, 1, 1], [0.9, 0.8, 0.2]))
    assert math.isnan(figures["auroc"].value)
    assert math.isnan(figures["auroc"].low)
    assert figures["auroc"].left_out == 1000
    assert figures["sensitivity"].value == pytest.approx(2 / 3)
    two = interval(AUROC, binary([0, 1], [0.1, 0.9]), resamples=2000)
    assert two.left_out == pytest.approx(1000, abs=120)  # both draws of one group: half the time
    assert (two.value, two.high) == (1.0, 1.0)
    assert two.low < 0.3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=25),
    st.floats(0, 1),
)
def test_limits_enclose_the_value_within_0_and_1(rows, threshold):
    labels, p, groups = zip(*rows, strict=True)
    figures = intervals(scores.BINARY, binary(labels, p, groups), threshold=threshold, resamples=50)
    for name, found in figures.items():
        if not math.isnan(found.value):
            assert 0 <= found.low <= found.value <= found.high, name
            assert found.high <= 1 or name == "log_loss", name


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 3))
def test_order_of_rows_and_names_of_groups_do_not_change_the_value(order, seed):
    rng = np.random.default_rng(seed)
    p = binary(np.arange(12) % 2, rng.random(12), np.arange(12) // 3)
    shuffled = p.take(np.array(order))
    assert interval(AUROC, shuffled, resamples=20).value == interval(AUROC, p, resamples=20).value
    assert interval(AUROC, shuffled, resamples=20).low == pytest.approx(interval(AUROC, p, resamples=20).low)


def test_turning_classes_and_scores_round_keeps_the_auroc():
    rng = np.random.default_rng(5)
    labels, p = rng.integers(0, 2, 50), rng.random(50)
    assert interval(AUROC, binary(1 - labels, 1 - p)).value == pytest.approx(interval(AUROC, binary(labels, p)).value)
    assert interval(AUROC, binary(labels, 1 - p)).value == pytest.approx(1 - interval(AUROC, binary(labels, p)).value)


def test_the_seed_decides_the_resamples_and_chunks_do_not(monkeypatch):
    groups = [str(i // 2) for i in range(20)]
    whole = np.concatenate(list(resampled_weights(groups, 50, 3)))
    assert (whole.sum(axis=1) == 20).all()  # groups of one size: as many files as there are
    assert (whole[:, 0] == whole[:, 1]).all()  # a group comes as a whole
    assert (whole != np.concatenate(list(resampled_weights(groups, 50, 4)))).any()
    monkeypatch.setattr("fxkit.metrics.bootstrap.CHUNK", 100)
    assert (np.concatenate(list(resampled_weights(groups, 50, 3))) == whole).all()


def test_effective_size_counts_groups_where_the_variance_is_unknown():
    assert effective_size(1.0, 0.0, Support(12, 5, 10, 60)) == 5
    assert effective_size(0.5, 0.1, Support(1, 1, 1, 60)) == 1
    independent = effective_size(0.5, 0.25 / 1000, Support(1000, 1000, 999, 1000))
    assert independent == pytest.approx(1000, rel=0.01)


def simulate(metric, groups, each, shift, truth, repetitions=120):
    rng = np.random.default_rng(11)
    held = 0
    for seed in range(repetitions):
        found = interval(metric, clustered(rng, groups, each, shift), seed=seed, resamples=200)
        held += found.low <= truth <= found.high
    return held / repetitions


@pytest.mark.parametrize(("groups", "each", "shift"), [(10, 3, 1.0), (20, 3, 2.5), (40, 5, 1.0)])
def test_intervals_hold_the_truth_about_95_times_of_100(groups, each, shift):
    auroc = stats.norm.cdf(shift / math.sqrt(2))
    sensitivity = stats.norm.cdf(shift / 2)
    assert simulate(AUROC, groups, each, shift, auroc) >= 0.91
    assert simulate(scores.SENSITIVITY, groups, each, shift, sensitivity) >= 0.91


def test_a_difference_holds_the_truth_about_95_times_of_100():
    rng = np.random.default_rng(4)
    held = 0
    for seed in range(120):
        a = clustered(rng, 30, 3, 1.5)
        other = stats.norm.cdf(stats.norm.ppf(a.probabilities[:, 1]) + 0.6 * rng.normal(size=90))
        b = binary(a.labels, other, a.groups)
        found = paired_difference(AUROC, a, b, seed=seed, resamples=200)
        truth = stats.norm.cdf(1.5 / math.sqrt(2)) - stats.norm.cdf(1.5 / math.sqrt(2 * 1.36))
        held += found.low <= truth <= found.high
    assert held / 120 >= 0.90


def test_pairing_narrows_the_difference():
    rng = np.random.default_rng(3)
    a = clustered(rng, 40, 3, 1.0)
    b = binary(a.labels, np.clip(a.probabilities[:, 1] + 0.02 * rng.normal(size=120), 0, 1), a.groups)
    alone, difference = interval(AUROC, a), paired_difference(AUROC, a, b)
    assert difference.value == pytest.approx(alone.value - interval(AUROC, b).value)
    assert difference.high - difference.low < 0.3 * (alone.high - alone.low)


def test_two_perfect_scores_of_few_groups_do_not_prove_equality():
    p = binary([0] * 5 + [1] * 5, [0.1] * 5 + [0.9] * 5)
    found = paired_difference(AUROC, p, p)
    assert found.value == 0
    assert (found.low, found.high) == pytest.approx((wilson(1, 5)[0] - 1, 1 - wilson(1, 5)[0]))


def test_several_seeds_are_averaged_and_share_their_resamples():
    rng = np.random.default_rng(6)
    a, b = clustered(rng, 30, 2, 1.0), clustered(rng, 30, 2, 1.5)
    mean = (interval(AUROC, a).value + interval(AUROC, b).value) / 2
    assert interval(AUROC, [a, b]).value == pytest.approx(mean)
    assert paired_difference(AUROC, [a, b], [b, a]).value == pytest.approx(0)
    assert paired_difference(AUROC, [a, b], b).value == pytest.approx(mean - interval(AUROC, b).value)


def test_predictions_of_other_files_are_not_compared():
    a = binary([0, 1], [0.1, 0.9])
    with pytest.raises(DataError, match=r"predictions of 2 and 3 files differ.*evaluate both"):
        paired_difference(AUROC, a, binary([0, 1, 1], [0.1, 0.9, 0.8]))
    with pytest.raises(DataError, match="same rows in the same order"):
        interval(AUROC, [a, binary([1, 1], [0.1, 0.9])])


def test_predictions_without_any_class_are_refused():
    with pytest.raises(DataError, match="no file has a known class; expected at least one; give data"):
        evaluate_predictions(binary([-1, -1], [0.1, 0.9]))


def test_an_evaluation_counts_files_films_and_groups():
    p = binary([1, 1, 1, 0, 0, -1], [0.9, 0.8, 0.3, 0.6, 0.1, 0.5], "PPPQRS", "AABCDE")
    found = evaluate_predictions(p, threshold=0.55)
    assert (found.n_files, found.n_films, found.n_groups, found.n_unknown) == (5, 4, 3, 1)
    assert found.file.counts == {"intact": 2, "fractured": 3, "tn": 1, "fp": 1, "fn": 1, "tp": 2}
    assert found.file.confusion == ((1, 1), (1, 2))
    assert found.film.counts == {"intact": 2, "fractured": 2, "tn": 1, "fp": 1, "fn": 1, "tp": 1}
    assert found.film.figures["sensitivity"].value == 0.5
    assert found.file.figures["sensitivity"].n_groups == 1


def test_figures_by_group_take_the_mean_of_its_films_and_leave_mixed_groups_out():
    p = binary([1, 1, 1, 0, 0, 1], [0.9, 0.7, 0.2, 0.4, 0.1, 0.8], "PPPQRR", "AABCDE")
    assert p.by_group().labels.tolist() == [1, 0, -1]
    assert p.by_group().probabilities[:, 1] == pytest.approx([0.5, 0.4, 0.45])
    found = evaluate_predictions(p)
    assert (found.group.n, found.group.n_groups, found.n_mixed, found.n_groups) == (2, 2, 1, 3)
    assert found.group.figures["sensitivity"].value == 1
    assert (found.group.figures["sensitivity"].n, found.film.figures["sensitivity"].n) == (1, 3)
    mixed = evaluate_predictions(binary([0, 1], [0.1, 0.9], "PP", "AB"))
    assert (mixed.group, mixed.n_mixed, mixed.to_dict()["group"]) == (None, 1, None)


def test_an_unbounded_figure_has_t_limits_and_none_where_groups_do_not_tell():
    rng = np.random.default_rng(8)
    p = binary(rng.integers(0, 2, 80), rng.uniform(0.01, 0.99, 80))
    found = interval(scores.LOG_LOSS, p, resamples=4000)
    losses = scores.log_losses(p.probabilities, p.labels)
    half = stats.t.ppf(0.975, 79) * losses.std(ddof=1) / math.sqrt(80)
    assert (found.low, found.high) == pytest.approx((losses.mean() - half, losses.mean() + half), rel=0.03)
    alone = interval(scores.LOG_LOSS, binary([1, 1], [0.8, 0.8], "PP"))
    assert (alone.low, alone.high) == (0, math.inf)
    plain = evaluate_predictions(binary([1, 1], [0.8, 0.8], "PP")).to_dict()
    assert plain["film"]["figures"]["log_loss"]["high"] is None


def test_an_evaluation_becomes_json_with_none_for_undefined():
    plain = evaluate_predictions(binary([1, 1], [0.9, 0.2])).to_dict()
    back = json.loads(json.dumps(plain, allow_nan=False))
    assert back == plain
    assert back["file"]["figures"]["auroc"]["value"] is None
    assert back["film"]["figures"]["sensitivity"]["value"] == 0.5
    assert back["classes"] == ["intact", "fractured"]


def test_confusion_matrix_and_report_keep_the_class_order():
    p = binary([0, 1, 1, -1], [0.9, 0.9, 0.1, 0.5])
    assert confusion_matrix(p).tolist() == [[0, 1], [1, 1]]
    report = classification_report(p)
    assert list(report)[:2] == ["intact", "fractured"]
    assert report["fractured"]["support"] == 2


@pytest.mark.slow
def test_a_thousand_resamples_of_a_thousand_files_are_quick():
    p = clustered(np.random.default_rng(0), 100, 10, 1.0)
    start = time.process_time()
    evaluate_predictions(p)
    assert time.process_time() - start < 10  # about half a second; a loop over resamples takes minutes
