"""A run with folds is calibrated, and its thresholds are chosen, on films that the predicting model did not learn."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fxkit.audit.evidence import read_evidence
from fxkit.audit.score_questions import ask_calibration, ask_subgroups
from fxkit.cli.evaluate import evaluate
from fxkit.config import load_config
from fxkit.data.manifest import usable
from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.analyses import AnalysisOptions
from fxkit.evaluation.calibrate import calibrate_run
from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_run
from fxkit.evaluation.fold_predictions import FILE, cross_fit, fold_records, pool, read_fold_predictions
from fxkit.evaluation.out_of_fold import evaluate_out_of_fold
from fxkit.evaluation.temperature import calibrated, fit_calibration
from fxkit.index.build import IndexOptions, index_data
from fxkit.metrics.operating_points import Target, choose_threshold
from fxkit.metrics.predictions import Predictions
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import open_run, read_json
from fxkit.models.saved import load_model
from fxkit.synth.dataset import Synthetic
from fxkit.training.folds import train_folds

TINY = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]"])


@pytest.fixture(scope="module")
def finished(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = index_data(made.root, IndexOptions(copies=False))
    return train_folds(TINY, index.root, list(index.records), tmp_path_factory.mktemp("runs") / "folds", 3).folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints", "logs"))
    return tmp_path / "run"


def read_parts(run: Path) -> list[Predictions]:
    parts = read_fold_predictions(open_run(run), load_model(run).card.classes)
    assert parts is not None
    return parts


@pytest.mark.slow
def test_training_stores_the_analyses_of_the_out_of_fold_predictions(run: Path) -> None:
    values = read_json(run / "metrics_out_of_fold.json")
    assert set(values["calibration"]) == {"file", "film", "group"}
    assert values["decision_curve"]
    assert (run / "figures" / "out_of_fold" / "reliability.png").is_file()


def test_calibration_fits_the_out_of_fold_predictions(run: Path) -> None:
    stored, plain = (run / FILE).read_bytes(), read_parts(run)
    fit = calibrate_run(run)
    expected = fit_calibration(pool(plain), source="out-of-fold")
    assert (fit.temperature, fit.bias) == (expected.temperature, expected.bias)
    assert f"fitted on {fit.n_films} out-of-fold films of {fit.n_groups} groups" in fit.text
    assert fit.n_films == len({r.film for r in usable(open_run(run).records) if r.fold})
    assert load_model(run).card.bias == pytest.approx(fit.bias)
    assert (run / FILE).read_bytes() == stored
    model = read_json(run / "model.json")
    calibrate_run(run)  # does not build on the first fit
    assert read_json(run / "model.json")["temperature"] == pytest.approx(model["temperature"])


def test_the_figures_after_calibration_are_cross_fitted(run: Path) -> None:
    plain = read_parts(run)
    calibrate_run(run)
    values = read_json(run / "metrics_out_of_fold.json")
    losses = []
    for parts in (cross_fit(plain), [calibrated(p, *_card(run)) for p in plain]):
        films = pool(parts).by_film()
        losses.append(float(-np.log(films.probabilities[np.arange(len(films)), films.labels]).mean()))
    assert values["film"]["figures"]["log_loss"]["value"] == pytest.approx(losses[0])
    assert losses[0] > losses[1]  # a fit to the same films looks better than it is


def _card(run: Path) -> tuple[float, tuple[float, ...]]:
    card = load_model(run).card
    return card.temperature, card.bias


def test_thresholds_are_chosen_on_out_of_fold_predictions(run: Path) -> None:
    calibrate_run(run)
    chosen_on = calibrated(pool(read_parts(run)), *_card(run)).by_film()
    threshold = choose_threshold(chosen_on, Target("sensitivity", 0.9))
    result = CliRunner().invoke(evaluate, [str(run), "--target", "sensitivity=0.9"], catch_exceptions=False)
    groups = len(set(chosen_on.groups))
    chosen = f"chosen on {len(chosen_on)} out-of-fold films of {groups} groups: p >= {threshold:.4f}"
    assert f"operating point sensitivity=0.9, {chosen}" in result.stdout.splitlines()
    assert json.loads((run / "metrics.json").read_text())["operating_points"][0]["chosen_on"] == "out-of-fold"
    assert "out-of-fold films of" in (run / "report.html").read_text()


def test_missing_out_of_fold_predictions_are_made_again(run: Path) -> None:
    before = read_parts(run)
    (run / FILE).unlink()
    calibrate_run(run)
    for one, other in zip(before, read_parts(run), strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)


def test_without_films_and_stored_predictions_the_run_is_refused(run: Path, tmp_path: Path) -> None:
    (run / FILE).unlink()
    with pytest.raises(DataError, match=r"out_of_fold\.csv: no such file, and the films cannot be predicted again"):
        calibrate_run(run, root=tmp_path)


def test_predictions_of_other_films_are_refused(run: Path) -> None:
    predictions = Predictions.read_csv(run / FILE)
    predictions.take(np.arange(1, len(predictions))).write_csv(run / FILE)
    with pytest.raises(DataError, match=r"out_of_fold\.csv: does not hold the films and classes of this run; delete"):
        calibrate_run(run)


def test_averaged_views_choose_thresholds_on_averaged_views(run: Path) -> None:
    opened, model = open_run(run), load_model(run)
    options = EvaluationOptions(tta="flips", device="cpu", analyses=AnalysisOptions((Target("youden"),)))
    points = evaluate_run(run, options=options).analyses.operating_points
    members = zip(model.members, fold_records(opened), strict=True)
    plain = pool([predict_records(m, opened.root, part, TINY.data, device="cpu") for m, part in members])
    assert points[0].chosen_films == len(plain.by_film())
    assert points[0].threshold != choose_threshold(plain.by_film(), Target("youden"))


def write_table(run: Path, folder: Path) -> Path:
    rows = [f"{r.path},{'a' if i % 2 else 'b'}" for i, r in enumerate(open_run(run).records)]
    (folder / "table.csv").write_text("\n".join(["path,ward", *rows]))
    return folder / "table.csv"


def test_out_of_fold_figures_are_computed_again_with_subgroups(run: Path, tmp_path: Path) -> None:
    arguments = [str(run), "--split", "out-of-fold", "--subgroups", str(write_table(run, tmp_path))]
    result = CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    assert f"figures: {run / 'metrics_out_of_fold.json'}" in result.stdout
    assert {part.name for part in read_evidence(run).scores.metrics.subgroups} == {"ward = a", "ward = b"}
    assert not (run / "metrics.json").exists()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (EvaluationOptions(tta="flips"), ConfigError, "--exported and --tta need the averaged model"),
        (EvaluationOptions(exported=Path("a.onnx")), ConfigError, "--exported and --tta need the averaged model"),
        (
            EvaluationOptions(analyses=AnalysisOptions((Target("youden"),))),
            ConfigError,
            "a threshold that is chosen on out-of-fold films cannot be tested on the same films; give a threshold",
        ),
    ],
)
def test_what_out_of_fold_predictions_cannot_give_is_refused(
    run: Path, options: EvaluationOptions, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        evaluate_out_of_fold(run, options)


def test_a_run_without_folds_has_no_out_of_fold_figures(run: Path) -> None:
    with pytest.raises(DataError, match="was trained without folds; expected --split test, val or train"):
        evaluate_out_of_fold(run / "fold-0", EvaluationOptions())


def test_the_audit_judges_calibration_and_subgroups_out_of_fold(run: Path, tmp_path: Path) -> None:
    options = AnalysisOptions(table=write_table(run, tmp_path))
    evaluate_out_of_fold(run, EvaluationOptions(analyses=options))
    evidence = read_evidence(run)
    assert evidence.is_out_of_fold
    calibration, subgroups = ask_calibration(evidence), ask_subgroups(evidence)
    assert "the calibration error by film is" in calibration.reason
    assert subgroups.colour != "grey"
    assert f"fxkit evaluate {run} --split out-of-fold" in calibration.command or calibration.colour == "green"
    evaluate_run(run)
    assert not read_evidence(run).is_out_of_fold
