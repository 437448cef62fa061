"""Scores on the page."""

import json

import numpy as np
import pytest

from fxkit.errors import RunError
from fxkit.evaluation.out_of_fold import evaluate_folds, write_out_of_fold
from fxkit.metrics.predictions import Predictions
from fxkit.report.build import build_report

from .conftest import (
    BAD,
    Page,
    predictions,
    write_run,
    write_scores,
)


def test_own_splits_are_not_listed_as_other_data(tmp_path):
    run = write_run(tmp_path / "run")
    write_scores(run / "splits" / "val", predictions())
    page = Page(build_report(run))
    assert page.headings()[:2] == ["Evaluation", "Own validation and training films: not a test"]
    assert "On other data" not in page.text
    assert "All metrics on val" in page.text
    assert "Not tested on external data" in page.text


@pytest.mark.parametrize(
    ("files", "films", "limit"), [(0, 0, False), (3, 0, True), (0, 2, True), (3, 2, True), (None, None, False)]
)
def test_other_data_seen_in_training_do_not_count_as_a_test(tmp_path, files, films, limit):
    run = write_run(tmp_path / "run")
    more = {} if files is None else {"overlap": {"files": files, "films": films}}
    write_scores(run / "evaluations" / "twin", predictions(), **more)
    text = Page(build_report(run)).text
    warning = (
        f"Seen in training: in twin, {files} files ({films} films) are, apart from cleaning, training or validation "
        "files of this run or of a run that its backbone weights come from. This is not a test on external data."
    )
    assert (warning in text) == limit
    assert ("Not tested on external data" in text) == limit


def test_copies_and_patients_of_the_training_are_named(tmp_path):
    run = write_run(tmp_path / "run")
    seen = {"files": 0, "films": 0, "copies": 3, "copied_films": 2, "patient_files": 1, "patients": 1}
    write_scores(run / "evaluations" / "twin", predictions(), overlap=seen)
    text = Page(build_report(run)).text
    assert "Seen in training: in twin, 3 files (2 films) are by their pixels copies of training or valid" in text
    assert "1 file belongs to 1 patient with training or validation films" in text
    assert "Not tested on external data" in text


def test_what_could_not_be_compared_is_said(tmp_path):
    run = write_run(tmp_path / "run")
    overlap = {"files": 0, "films": 0, "n_files": 9, "nameless_files": 9, "nameless_training_files": 1}
    write_scores(run / "evaluations" / "east", predictions(), overlap=overlap)
    text = Page(build_report(run)).text
    assert "east: unknown whether training films were saved again among these films" in text
    assert "is unknown: 9 of 9 files name no patient and 1 training file names no patient." in text


def test_one_evaluation_without_overlap_counts_as_external_test(tmp_path):
    run = write_run(tmp_path / "run")
    write_scores(run / "evaluations" / "twin", predictions(), overlap={"files": 1, "films": 0})
    write_scores(run / "evaluations" / "elsewhere", predictions(), overlap={"files": 0, "films": 0})
    assert "Not tested on external data" not in Page(build_report(run)).text


def test_each_class_has_its_precision_recall_f1_and_support(tmp_path):
    run = write_run(tmp_path / "run")
    report = json.loads((run / "metrics.json").read_text())["film"]["report"]
    text = Page(build_report(run)).text
    for name in ("intact", "fractured"):
        row = report[name]
        assert f"{name} {row['precision']:.2f} {row['recall']:.2f} {row['f1-score']:.2f} 4 " in text
    assert "class precision recall F1 support, films intact" in text


def test_a_class_that_was_never_predicted_has_no_precision(tmp_path):
    names = tuple(map(str, range(4)))
    p = np.tile([1.0, 0.0], (4, 1))
    write_scores(tmp_path, Predictions(("a", "b"), names, np.arange(4) % 2, p, names, names))
    assert "b undefined 0.00 0.00 2 " in Page(build_report(tmp_path)).text


def test_undefined_figures_are_shown_as_undefined(tmp_path):
    run = write_run(tmp_path / "run")
    one = predictions()
    write_scores(run, Predictions(one.classes, one.paths, np.ones(16), one.probabilities, one.films, one.groups))
    text = Page(build_report(run)).text
    assert "AUROC is undefined because all test films have the same class." in text
    assert "specificity undefined" in text


def test_few_groups_give_a_warning(tmp_path):
    run = write_run(tmp_path / "run")
    assert "Few groups. The rarest class has 4 groups of films in the test set." in Page(build_report(run)).text
    many = np.arange(160) % 2
    names = tuple(map(str, range(160)))
    p = np.full((160, 2), 0.5)
    write_scores(run, Predictions(("a", "b"), names, many, p, names, names))
    assert "Few groups." not in Page(build_report(run)).text


def test_more_classes_have_their_own_rows(tmp_path):
    names = tuple(map(str, range(30)))
    p = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    write_scores(tmp_path, Predictions(("a", "b", "c"), names, np.arange(30) % 3, p, names, names))
    text = Page(build_report(tmp_path)).text
    assert "distinguishes 3 classes" in text
    assert "AUROC, mean over classes" in text
    assert "recall: c" in text


def test_a_score_near_chance_is_marked_as_such(tmp_path):
    run = write_run(tmp_path / "run")
    assert "The interval contains 0.5, so the score may be chance." in Page(build_report(run)).text
    names = tuple(map(str, range(80)))
    labels = np.arange(80) % 2
    write_scores(run, Predictions(("a", "b"), names, labels, np.eye(2)[labels], names, names))
    assert "may be chance" not in Page(build_report(run)).text


def test_folds_are_reported_with_their_mean_and_their_stamp(tmp_path):
    run = write_run(tmp_path / "run")
    assert "Out of fold" not in Page(build_report(run)).text
    pooled = predictions()
    parts = [pooled.take(np.arange(8)), pooled.take(np.arange(8, 16))]
    out_of_fold = evaluate_folds(parts, stamp="leaking folds: fold 1")
    write_out_of_fold(run, pooled, out_of_fold)
    page = Page(build_report(run))
    assert "The model of this run is the mean of 2 models." in page.text
    for name, figure in (
        ("fold 0", out_of_fold.folds.each[0].score),
        ("mean of folds", out_of_fold.folds.mean),
        ("pooled", out_of_fold.headline),
    ):
        assert f"{name} {figure.text}" in page.text
    assert page.text.count("Leaking folds: fold 1") == 2  # in the banner, and with the figures
    (run / "metrics_out_of_fold.json").write_text("{}")
    with pytest.raises(RunError, match=r"metrics_out_of_fold\.json: cannot be read"):
        build_report(run)


def test_calibration_operating_points_and_subgroups_are_shown(tmp_path):
    from fxkit.evaluation.analyses import write_analysis_pictures
    from fxkit.metrics.analyses import Analyses
    from fxkit.metrics.calibration import calibration
    from fxkit.metrics.decision_curve import decision_curve
    from fxkit.metrics.operating_points import Target, operating_points
    from fxkit.metrics.subgroups import multiplicity, subgroups

    run, scores = write_run(tmp_path / "run"), predictions()
    points = operating_points(scores, [Target("youden")], scores, prevalence=0.1, resamples=20)
    parts = subgroups(scores, {BAD: {path: str(int(path) // 8) for path in scores.paths}}, resamples=20)
    films = scores.by_film()
    curve = decision_curve(films, prevalence=0.1, resamples=20)
    analyses = Analyses(
        calibration={"film": calibration(films, resamples=20)},
        operating_points=points,
        decision_curve=curve,
        subgroups=parts,
        multiplicity=multiplicity(parts),
    )
    write_scores(run, scores, **analyses.to_dict())
    write_analysis_pictures(run / "figures", analyses)
    page = Page(build_report(run))
    assert f"youden {points[0].threshold:.3f} 8 validation films of 8 groups" in page.text
    assert "PPV at prevalence 0.1" in page.text
    assert f"{BAD} = 0 (few groups)" in page.text
    assert multiplicity(parts) in page.text
    assert "calibration slope" in page.text
    assert "By group: 8 groups" in page.text
    alts = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert alts == ["Reliability diagram by film", "Decision curve by film"]


def test_metrics_of_an_older_version_are_still_shown(tmp_path):
    run = write_run(tmp_path / "run")
    values = json.loads((run / "metrics.json").read_text())
    values.pop("group")
    values.pop("n_mixed")
    (run / "metrics.json").write_text(json.dumps(values))
    assert "By group:" not in Page(build_report(run)).text
