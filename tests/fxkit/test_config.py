"""Which settings are accepted, and which error names a wrong one."""

from pathlib import Path

import pytest

from fxkit.config import Config, find_preset, load_config, presets_folder, write_config
from fxkit.errors import ConfigError
from preprocess.yaml_files import check_settings, read_yaml


def test_without_settings_the_defaults_apply() -> None:
    assert load_config() == Config()


@pytest.mark.parametrize("name", [path.stem for path in sorted((presets_folder() / "train").glob("*.yaml"))])
def test_every_preset_is_valid(name: str) -> None:
    assert isinstance(load_config(name), Config)


def test_the_default_preset_equals_the_defaults() -> None:
    assert load_config("default") == Config()


def test_the_baseline_preset_is_the_published_recipe() -> None:
    config = load_config("baseline")
    assert config.optim.epochs == (5, 15)
    assert (config.optim.finetune_head_lr, config.optim.finetune_backbone_lr) == (1e-4, 1e-5)
    assert (config.optim.patience, config.data.image_size, config.data.batch_size) == (7, 224, 32)
    assert config.model.finetune_from == "layer3"


def test_settings_override_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("optim: {head_lr: 1e-4, patience: 3}\n")
    config = load_config(file, ["optim.head_lr=3e-4", "model.args.pad_type=same", "data.resize=pad"])
    assert config.optim.head_lr == 3e-4
    assert config.optim.patience == 3
    assert config.model.args == {"pad_type": "same"}
    assert config.data.resize == "pad"


@pytest.mark.parametrize(("text", "value"), [("1e-4", 1e-4), ("-2E+3", -2e3), (".5e1", 5.0), ("2.5", 2.5)])
def test_numbers_in_exponent_notation_are_numbers(text: str, value: float) -> None:
    assert load_config(None, [f"model.args.x={text}"]).model.args["x"] == value


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("optim.hed_lr=1", "unknown key 'optim.hed_lr'; did you mean 'optim.head_lr'?"),
        ("augment.zzz=1", "unknown key 'augment.zzz'; valid here: enabled, crop_scale"),
        ("optimm.x=1", "unknown key 'optimm'; did you mean 'optim'?"),
        ("data.batch_size=many", "data.batch_size = 'many': input should be a valid integer"),
        ("data.resize=crop", "data.resize = 'crop': input should be 'stretch' or 'pad'"),
        ("optim.epochs=[0, 0]", "optim.epochs = [0, 0]: expected two numbers of at least 0, not both 0"),
        ("model.dropout=[1, 0]", "model.dropout = [1, 0]: each must be at least 0 and below 1"),
        ("model.args.checkpoint_path=x.pt", "checkpoint_path would load weights or change the head"),
        ("model.args.pretrained=true", "pretrained would load weights"),
        ("trainer.export=torchscript", "trainer.export = 'torchscript': the TorchScript format was removed; use onnx"),
        ("seed", "--set seed: expected KEY=VALUE"),
        ("seed=[1", "'[1' is not a YAML value"),
        ("seed.x=1", "seed = {'x': 1}: input should be a valid integer"),
    ],
)
def test_the_error_names_the_key_of_a_wrong_setting(setting: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, [setting])
    assert words in str(caught.value)


def test_a_key_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed is a value and has no keys of its own"):
        load_config(None, ["seed=1", "seed.x=2"])


def test_an_unknown_preset_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"basline: neither a file nor a preset.*did you mean 'baseline'"):
        find_preset("train", "basline")


def test_a_yaml_list_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text("- 1\n")
    with pytest.raises(ConfigError, match="holds a list; expected lines such as `key: value`"):
        read_yaml(file)


def test_a_file_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("a: [1\n")
    with pytest.raises(ConfigError, match="cannot be read as YAML"):
        read_yaml(file)


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("")
    assert load_config(file) == Config()


def test_written_settings_are_read_back(tmp_path: Path) -> None:
    config = load_config("tiny", ["optim.head_lr=1e-5", "model.args={a: 1}"])
    write_config(tmp_path / "config.yaml", config)
    assert check_settings(Config, read_yaml(tmp_path / "config.yaml"), "config.yaml") == config
