"""Options of the command line become training settings."""

import json
from pathlib import Path

import pytest

from fxkit.cli.train import train
from fxkit.cli.training_settings import SETTINGS, build_config, take_config
from fxkit.config import Config


def test_options_replace_the_preset_and_set_replaces_both() -> None:
    options = {"seed": 8, "backbone": "resnet18", "batch_size": 4, "precision": "16", "devices": "2"}
    config = build_config("baseline", ("optim.patience=3", "seed=9"), "2,4", True, **options)
    assert (config.trainer.precision, config.trainer.devices) == ("16", 2)
    assert isinstance(config, Config)
    assert (config.model.backbone, config.model.pretrained) == ("resnet18", False)
    assert config.optim.epochs == (2, 4)
    assert (config.optim.patience, config.seed, config.data.batch_size) == (3, 9, 4)


@pytest.mark.parametrize(("option", "key"), SETTINGS.items())
def test_each_option_of_train_changes_a_setting(option: str, key: str) -> None:
    value: object = Config().model_dump()
    for part in key.split("."):
        assert isinstance(value, dict)
        value = value[part]
    assert option.replace("_", "-") in {o.removeprefix("--") for p in train.params for o in p.opts}


def test_settings_are_taken_by_their_names() -> None:
    options = {"preset": "tiny", "settings": (), "epochs": None, "no_pretrained": False, "seed": 5, "resume": True}
    assert take_config(options).seed == 5
    assert options == {"resume": True}


def test_a_backbone_in_a_folder_becomes_timms_name_and_weights(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "config.json").write_text(
        json.dumps({"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 96, 96], "mean": [0.1, 0.2, 0.3]}})
    )
    name = f"local-dir:{tmp_path}"
    config = build_config("tiny", ("data.image_size=null", "model.mean=null"), None, False, backbone=name)
    assert (config.model.backbone, config.model.hub) == ("resnet18", name)
    assert config.model.weights == (str(tmp_path / "model.safetensors") if config.model.pretrained else None)
    assert (config.data.image_size, config.model.mean) == (96, (0.1, 0.2, 0.3))
