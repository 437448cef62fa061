"""Evaluation of one set of predictions by file, film and group."""

import json
import time

import numpy as np
import pytest

from fxkit.metrics.summary import classification_report, confusion_matrix, evaluate_predictions

from .conftest import binary, clustered


def test_an_evaluation_counts_files_films_and_groups():
    p = binary([1, 1, 1, 0, 0, -1], [0.9, 0.8, 0.3, 0.6, 0.1, 0.5], "PPPQRS", "AABCDE")
    evaluation = evaluate_predictions(p, threshold=0.55)
    assert (evaluation.n_files, evaluation.n_films, evaluation.n_groups, evaluation.n_unknown) == (5, 4, 3, 1)
    assert evaluation.file.counts == {"intact": 2, "fractured": 3, "tn": 1, "fp": 1, "fn": 1, "tp": 2}
    assert evaluation.file.confusion == ((1, 1), (1, 2))
    assert evaluation.film.counts == {"intact": 2, "fractured": 2, "tn": 1, "fp": 1, "fn": 1, "tp": 1}
    assert evaluation.film.figures["sensitivity"].value == 0.5
    assert evaluation.file.figures["sensitivity"].n_groups == 1


def test_figures_by_group_average_films_and_leave_out_mixed_groups():
    p = binary([1, 1, 1, 0, 0, 1], [0.9, 0.7, 0.2, 0.4, 0.1, 0.8], "PPPQRR", "AABCDE")
    assert p.by_group().labels.tolist() == [1, 0, -1]
    assert p.by_group().probabilities[:, 1] == pytest.approx([0.5, 0.4, 0.45])
    evaluation = evaluate_predictions(p)
    assert (evaluation.group.n, evaluation.group.n_groups, evaluation.n_mixed, evaluation.n_groups) == (2, 2, 1, 3)
    assert evaluation.group.figures["sensitivity"].value == 1
    assert (evaluation.group.figures["sensitivity"].n, evaluation.film.figures["sensitivity"].n) == (1, 3)
    mixed = evaluate_predictions(binary([0, 1], [0.1, 0.9], "PP", "AB"))
    assert (mixed.group, mixed.n_mixed, mixed.to_dict()["group"]) == (None, 1, None)


def test_undefined_figures_become_null_in_json():
    plain = evaluate_predictions(binary([1, 1], [0.9, 0.2])).to_dict()
    back = json.loads(json.dumps(plain, allow_nan=False))
    assert back == plain
    assert back["file"]["figures"]["auroc"]["value"] is None
    assert back["film"]["figures"]["sensitivity"]["value"] == 0.5
    assert back["classes"] == ["intact", "fractured"]


def test_the_confusion_matrix_and_the_report_keep_the_order_of_classes():
    p = binary([0, 1, 1, -1], [0.9, 0.9, 0.1, 0.5])
    assert confusion_matrix(p).tolist() == [[0, 1], [1, 1]]
    report = classification_report(p)
    assert list(report)[:2] == ["intact", "fractured"]
    assert report["fractured"]["support"] == 2


@pytest.mark.slow
def test_a_thousand_resamples_of_a_thousand_files_take_seconds():
    p = clustered(np.random.default_rng(0), 100, 10, 1.0)
    start = time.process_time()
    evaluate_predictions(p)
    assert time.process_time() - start < 10  # about half a second; a loop over resamples takes minutes
