"""model.json describes all that prediction needs, and other content is refused."""

from pathlib import Path

import pytest

from fxkit.errors import RunError
from fxkit.models.model_json import read_card, read_run_settings
from fxkit.models.run_folder import Run, read_json


def test_the_model_card_contains_what_prediction_needs(trained: Run) -> None:
    card = read_card(trained.folder)
    assert card.classes == ("not_fractured", "fractured")
    assert card.preprocessing.image_size == 64
    assert (card.cleaning, card.threshold, card.temperature) == (None, 0.5, 1.0)


def test_a_model_json_of_other_content_is_refused(run_folder: Path) -> None:
    (run_folder / "model.json").write_text("{}")
    with pytest.raises(RunError, match="not a model description of fxkit"):
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
