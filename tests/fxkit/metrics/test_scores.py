"""Each weighted metric agrees with scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from fxkit.metrics import scores
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC, metrics_for, ranking_metric
from fxkit.metrics.summary import evaluate_predictions

from .conftest import binary

weighted_rows = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 1)),
    min_size=2,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(weighted_rows)
def test_each_weighted_metric_agrees_with_scikit_learn(rows):
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
        value = metric.compute(s, weights[None])[0]
        assert value == pytest.approx(expected[metric.name], abs=1e-9, nan_ok=True), metric.name


def test_metrics_of_many_classes_agree_with_scikit_learn():
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


def test_a_class_without_files_is_left_out_of_the_macro_means():
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    names = tuple("xyz")
    figures = evaluate_predictions(
        Predictions(("a", "b", "c"), names, np.array([0, 1, 1]), p, names, names)
    ).file.figures
    assert figures["macro_auroc"].value == 1.0
    assert figures["balanced_accuracy"].value == 0.75
    assert math.isnan(figures["recall_c"].value)
    assert figures["recall_c"].n_groups == 0


def test_the_metrics_depend_on_the_number_of_classes():
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


def test_swapping_classes_and_scores_keeps_the_auroc():
    rng = np.random.default_rng(5)
    labels, p = rng.integers(0, 2, 50), rng.random(50)
    assert interval(AUROC, binary(1 - labels, 1 - p)).value == pytest.approx(interval(AUROC, binary(labels, p)).value)
    assert interval(AUROC, binary(labels, 1 - p)).value == pytest.approx(1 - interval(AUROC, binary(labels, p)).value)
