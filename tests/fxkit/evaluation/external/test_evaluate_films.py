"""`fxkit.evaluate` with a model predicts films and gives the figures of the command."""

from pathlib import Path
from typing import Any

import pytest

import fxkit
from fxkit.cli.evaluate import evaluate
from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.external.model_source import ModelArguments, as_options
from fxkit.models.predictions_source import read_source
from preprocess.images import read_grey8
from tests.fxkit.marker_films import CLASSES, reads_bone

from ...cli.conftest import Invoke, invoke  # noqa: F401  a fixture


@pytest.fixture(scope="module")
def few(marker_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 24 films."""
    lines = (marker_films.parent / "manifest.csv").read_text().splitlines()
    file = tmp_path_factory.mktemp("few") / "manifest.csv"
    file.write_text("\n".join(lines[:13] + lines[-12:]) + "\n")
    return file


def test_a_function_predicts_the_films_of_a_manifest(
    few: Path,
    marker_films: Path,
    tmp_path: Path,
    invoke: Invoke,  # noqa: F811
) -> None:
    result = fxkit.evaluate(few, model=reads_bone, root=marker_films, out=tmp_path / "mine", targets=["0.4"])
    assert "outputs: the probability of not_fractured, fractured" in result.notes
    rows = [line.split(",") for line in (tmp_path / "mine" / "predictions.csv").read_text().splitlines()[1:]]
    assert len(rows) == 24
    path, p = rows[3][0].strip('"'), float(rows[3][-1])
    assert p == pytest.approx(reads_bone([read_grey8(marker_films / path)])[0, 1])
    model = ["--predictor", "tests.fxkit.marker_films:reads_bone"]
    films = ["--manifest", few, "--root", marker_films]
    invoke(evaluate, *model, *films, "--target", "0.4", "--out", tmp_path / "theirs")
    mine, theirs = ((tmp_path / name / "predictions.csv").read_text() for name in ("mine", "theirs"))
    assert mine == theirs


def test_records_need_their_folder_and_training_films_stamp_the_result(few: Path, marker_films: Path) -> None:
    records = fxkit.read_manifest(few)
    with pytest.raises(ConfigError, match="records: give root=, the folder that the paths are relative to"):
        fxkit.evaluate(records, model=reads_bone)
    seen = {"path": [record.path for record in records[:2]]}
    result = fxkit.evaluate(records, model=reads_bone, root=marker_films, trained_on=seen)
    assert result.stamp.startswith("leaking split: of 24 test files, ")
    assert result.folder.is_dir()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"groups": ["a"]}, "groups belongs to predictions, and a model predicts the films itself"),
        ({"scores": ["p"]}, "scores belongs to predictions"),
        ({"y_score": [0.5]}, "y_score belongs to predictions"),
        ({"mean": 0.5}, "mean=: a function prepares films itself; leave the option out"),
        ({"classes": ["a", "b", "c"]}, "classes"),
    ],
)
def test_what_does_not_belong_to_a_model_is_refused(
    few: Path, marker_films: Path, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=text):
        fxkit.evaluate(few, model=reads_bone, root=marker_films, **arguments)


def test_without_a_model_its_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="mean says what a model takes; give model=, or leave it out"):
        fxkit.evaluate([0, 1], [0.1, 0.9], mean=0.5)


def test_arguments_are_recorded_as_options(few: Path, marker_films: Path, tmp_path: Path) -> None:
    takes: ModelArguments = {"classes": CLASSES, "input_size": (320, 256), "mean": 0.5, "std": [0.2, 0.3, 0.4]}
    takes |= {"value_range": (0, 255), "resize": "crop", "crop_fraction": 0.875, "threshold": 0.3}
    assert as_options(takes, "fractured") == (
        "--classes", "not_fractured,fractured", "--input-size", "320x256", "--mean", "0.5", "--std", "0.2,0.3,0.4",
        "--range", "0,255", "--resize", "crop=0.875", "--threshold", "0.3", "--positive", "fractured",
    )  # fmt: skip
    fxkit.evaluate(few, model=reads_bone, root=marker_films, threshold=0.4, out=tmp_path / "out")
    source = read_source(tmp_path / "out")
    assert (source.threshold, source.model_options) == (0.4, ("--threshold", "0.4"))
