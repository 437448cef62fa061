"""model.json describes all that prediction needs, and other content is refused."""

from pathlib import Path

import pytest

from fxkit.errors import RunError
from fxkit.evaluation.temperature import move_threshold
from fxkit.models.model_json import read_card, read_run_settings
from fxkit.models.run_folder import Run, read_json, write_json


def test_the_model_card_contains_what_prediction_needs(trained: Run) -> None:
    card = read_card(trained.folder)
    assert card.classes == ("not_fractured", "fractured")
    assert card.preprocessing.image_size == 64
    assert (card.cleaning, card.temperature, len(card.bias)) == (None, 1.0, 2)
    assert card.threshold == move_threshold(0.5, 1.0, card.bias)


def test_a_model_json_of_version_0_1_has_no_bias(run_folder: Path) -> None:
    values = read_json(run_folder / "model.json")
    del values["bias"]
    write_json(run_folder / "model.json", values)
    assert read_card(run_folder).bias == ()


@pytest.mark.parametrize("bias", [[1.0], [0.0, 0.0, 0.0]])
def test_a_bias_of_another_number_of_classes_is_refused(run_folder: Path, bias: list[float]) -> None:
    write_json(run_folder / "model.json", read_json(run_folder / "model.json") | {"bias": bias})
    with pytest.raises(RunError, match=rf"bias: {len(bias)} numbers; expected 2, one for each class"):
        read_card(run_folder)


def test_a_model_json_of_other_content_is_refused(run_folder: Path) -> None:
    (run_folder / "model.json").write_text("{}")
    with pytest.raises(RunError, match="not a model description of fxkit"):
        read_card(run_folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 0),
        ("temperature", -1),
        ("temperature", "warm"),
        ("bias", 1),
        ("bias", [0, "a"]),
        ("threshold", 5),
        ("threshold", None),
        ("members", 0),
        ("members", 1e30),
        ("classes", ["fractured"]),
        ("classes", ["fractured", "fractured"]),
        ("classes", ["fractured", ""]),
        ("classes", "ab"),
        ("preprocessing.image_size", 1_000_000),
        ("preprocessing.image_size", 0),
        ("preprocessing.resize", "crop"),
        ("preprocessing.std", [0, 1, 1]),
        ("preprocessing.std", [1, 1]),
        ("preprocessing.mean", ["a", 0, 0]),
        ("cleaning", 3),
        ("model", None),
        ("model.backbone", 5),
        ("model.dropout", [2, 0]),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_key(run_folder: Path, key: str, value: object) -> None:
    values = read_json(run_folder / "model.json")
    inner = values
    *folders, last = key.split(".")
    for name in folders:
        inner = inner[name]
    inner[last] = value
    write_json(run_folder / "model.json", values)
    with pytest.raises(RunError, match=rf"model\.json: not a model description of fxkit \({key}.*: .+\); restore"):
        read_card(run_folder)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(run_folder: Path, number: str) -> None:
    path = run_folder / "model.json"
    path.write_text(path.read_text().replace('"temperature": 1.0', f'"temperature": {number}'))
    with pytest.raises(RunError, match=rf"model\.json: cannot be read \({number} is not a finite number\)"):
        read_card(run_folder)


def test_model_json_contains_backbone_and_format(trained: Run) -> None:
    values = read_json(trained.folder / "model.json")
    assert values["model"]["backbone"] == "test_resnet"
    assert values["format"] == 1


def test_the_settings_of_a_run_describe_its_backbone_and_input(trained: Run) -> None:
    settings = read_run_settings(trained.folder)
    assert settings["model.backbone"] == "test_resnet"
    assert settings["data.image_size"] == 64
    assert set(settings) == {
        "model.backbone",
        "model.args",
        "model.mean",
        "model.std",
        "data.image_size",
        "data.resize",
    }
