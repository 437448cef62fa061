"""The options that several commands share, and the settings that they change."""

from pathlib import Path

import pytest

from fxkit.ablation.settings import AblationOptions
from fxkit.cli.options import SETTINGS, build_config, refuse_inside, take_config, take_options
from fxkit.cli.train import train
from fxkit.config import Config
from preprocess.errors import OutputError


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


def test_an_output_folder_that_is_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(OutputError, match="self: is a symbolic link to itself; choose another folder"):
        refuse_inside(tmp_path / "self", tmp_path)


def test_options_are_taken_by_their_names() -> None:
    options = {"resume": True, "overwrite": False, "out": "a"}
    assert take_options(AblationOptions, options, jobs=2) == AblationOptions(resume=True, jobs=2)
    assert options == {"out": "a"}


def test_settings_are_taken_by_their_names() -> None:
    options = {"preset": "tiny", "settings": (), "epochs": None, "no_pretrained": False, "seed": 5, "resume": True}
    assert take_config(options).seed == 5
    assert options == {"resume": True}
