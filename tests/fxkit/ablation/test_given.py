"""The test of a given model: known predictions give known verdicts, and what does not fit is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.ablation.given import ablate_given, check_start, conclude, select_films
from fxkit.ablation.settings import AblationOptions, AblationSettings, read_ablation_settings
from fxkit.data.manifest import Record
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.evaluation.external.same_model import compare_with_folder
from fxkit.metrics.predictions import Predictions
from fxkit.models.given.open import OpenedModel, open_function
from fxkit.report.ablation import Ablation
from fxkit.report.coverage import ClassCoverage, Coverage
from tests.fxkit.marker_films import CLASSES, reads_bone

PRESET = read_ablation_settings("masked-vs-raw", seeds=[0])
PART = ClassCoverage(n_films=100, n_erased=100, n_left=0, cleaned=100)
ERASED = Coverage(200, 200, dict.fromkeys(CLASSES, PART))
LABELS = np.arange(200) % 2
NAMES = tuple(f"film{i}" for i in range(200))


def predictions(signal: float, seed: int = 0) -> Predictions:
    scores = np.clip(0.5 + signal * (LABELS - 0.5) + np.random.default_rng(seed).normal(0, 0.12, 200), 0.01, 0.99)
    return Predictions(CLASSES, NAMES, LABELS, np.stack([1 - scores, scores], axis=1), NAMES, NAMES)


def judge_arms(**signals: float) -> Ablation:
    arms = ("raw", "cleaned", "control", "swapped", "swapped-same")
    return conclude({arm: [predictions(signals.get(arm.replace("-", "_"), 0.4))] for arm in arms}, PRESET, ERASED)


def test_a_model_that_loses_on_cleaned_films_alone_relies_on_markers() -> None:
    result = judge_arms(cleaned=0.1)
    assert (result.verdict, result.mode) == ("reliance", "given")
    assert "gives the given model a loss of" in result.reason
    assert result.limits.startswith("The given model was tested as it is; nothing was trained.")
    assert {cell.trained for cell in result.cells} == {"given"}


def test_a_model_that_loses_nothing_does_not() -> None:
    result = judge_arms()
    assert (result.verdict, result.findings) == ("no evidence", ())


def test_a_model_that_erasing_confuses_anywhere_is_undecided() -> None:
    result = judge_arms(cleaned=0.2, control=0.2)
    assert result.verdict == "undecided"
    assert (
        "erasing confuses the given model wherever it is done, and this may hide what the markers give" in result.reason
    )
    assert any(text.startswith("erasing by itself lowers the score of the given model") for text in result.findings)


def test_pasted_markers_that_mislead_are_a_finding() -> None:
    result = judge_arms(swapped=0.1)
    assert result.verdict == "no evidence"
    assert [text[:60] for text in result.findings] == [
        "the markers that are pasted in matter to the given model: wit"[:60]
    ]


def record(number: int, label: str, split: str = "") -> Record:
    name = f"{label}/{number}"
    return Record(f"{name}.png", label, name, split, "", 9, 9, "ok", name)


@pytest.fixture
def model() -> OpenedModel:
    return open_function(reads_bone)


def test_films_of_the_split_test_are_tested_or_all(model: OpenedModel) -> None:
    films = [record(n, label, split) for n, split in enumerate(("train", "test")) for label in CLASSES]
    assert [film.path for film in select_films(model, Path("films"), films)] == [f"{name}/1.png" for name in CLASSES]
    without = [replace(film, split="") for film in films]
    assert len(select_films(model, Path("films"), without)) == 4
    spelled = [replace(film, label=film.label.upper()) for film in without]
    assert {film.label for film in select_films(model, Path("films"), spelled)} == {*CLASSES}


def test_classes_that_do_not_fit_are_refused(model: OpenedModel) -> None:
    with pytest.raises(DataError, match=r"^films: class 'tumour' is not one of the model's classes"):
        select_films(model, Path("films"), [record(0, name) for name in (*CLASSES, "tumour")])
    with pytest.raises(DataError, match=r"^films: no usable test film of class 'fractured', which reads_bone predicts"):
        select_films(model, Path("films"), [record(0, CLASSES[0])])


def test_what_trains_and_what_exists_is_refused(model: OpenedModel, tmp_path: Path) -> None:
    settings = AblationSettings(question="?", kind="split")
    with pytest.raises(
        ConfigError, match=r"kind 'split' trains models, and a given model is not trained; expected mas"
    ):
        check_start(model, tmp_path, settings, AblationOptions())
    (tmp_path / "ablation.json").write_text("{}")
    with pytest.raises(RunError, match="holds an ablation already"):
        ablate_given(model, tmp_path, [], tmp_path, PRESET)


def test_a_model_of_cleaned_films_is_refused(model: OpenedModel, tmp_path: Path) -> None:
    card = replace(model.network.card, cleaning={})  # type: ignore[type-var]
    cleaned = replace(model, network=replace(model.network, card=card))  # type: ignore[type-var]
    with pytest.raises(
        ConfigError, match=r"^reads_bone: was trained on cleaned films .* expected a model of raw films$"
    ):
        check_start(cleaned, tmp_path, PRESET, AblationOptions())


def test_the_folder_must_hold_the_models_own_predictions(tmp_path: Path) -> None:
    raw = predictions(0.4)
    assert compare_with_folder(tmp_path, raw) == ""
    raw.write_csv(tmp_path / "predictions.csv")
    assert len(compare_with_folder(tmp_path, raw)) == 64
    with pytest.raises(
        DataError, match=r"films have other probabilities there than the model gives now \(by up to 0\.\d"
    ):
        compare_with_folder(tmp_path, predictions(0.4, seed=1))
    others = replace(raw, paths=tuple(f"x{path}" for path in raw.paths))
    with pytest.raises(
        DataError, match=r"has no row for 200 tested films, such as xfilm0; expected the predictions of"
    ):
        compare_with_folder(tmp_path, others)
    with pytest.raises(
        DataError, match=r"the classes are not_fractured, fractured, and those of the model a, b; expect"
    ):
        compare_with_folder(tmp_path, replace(raw, classes=("a", "b")))
