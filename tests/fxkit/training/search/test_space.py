"""The search space: valid and invalid YAML files, and the conversion of values for Optuna."""

from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from fxkit.config import Config, find_preset, load_config, presets_folder
from fxkit.errors import ConfigError
from fxkit.training.search.space import apply, encode_current, lookup, read_space
from preprocess.yaml_files import read_yaml


def write_space(folder: Path, text: str) -> Path:
    (folder / "space.yaml").write_text(text)
    return folder / "space.yaml"


def test_ranges_and_choices_become_optuna_distributions(tmp_path: Path) -> None:
    text = (
        "optim.head_lr: {low: 1e-4, high: 1e-2, log: true}\nmodel.hidden: {low: 32, high: 64, step: 16}\n"
        "optim.weight_decay: {low: 0, high: 0.5, step: 0.25}\nmodel.dropout: {choices: [[0.1, 0.2], [0.5, 0.3]]}\n"
    )
    space = read_space(write_space(tmp_path, text), Config())
    assert {key: knob.distribution() for key, knob in space.items()} == {
        "optim.head_lr": FloatDistribution(1e-4, 1e-2, log=True),
        "model.hidden": IntDistribution(32, 64, step=16),
        "optim.weight_decay": FloatDistribution(0, 0.5, step=0.25),
        "model.dropout": CategoricalDistribution(["[0.1, 0.2]", "[0.5, 0.3]"]),
    }
    assert space["model.dropout"].decode("[0.5, 0.3]") == [0.5, 0.3]
    assert space["optim.head_lr"].decode(0.002) == 0.002


@pytest.mark.parametrize("preset", sorted(file.stem for file in (presets_folder() / "search").glob("*.yaml")))
def test_the_presets_are_valid_and_contain_the_default_settings(preset: str) -> None:
    space = read_space(preset, Config())
    assert set(encode_current(space, Config())) == set(read_yaml(find_preset("search", preset)))


def test_current_values_outside_the_space_are_left_out(tmp_path: Path) -> None:
    text = (
        "optim.head_lr: {low: 1e-2, high: 1e-1}\nmodel.hidden: {choices: [512, 64]}\n"
        "data.resize: {choices: [pad, stretch]}\n"
    )
    space = read_space(write_space(tmp_path, text), Config())
    assert encode_current(space, Config()) == {"model.hidden": "512", "data.resize": '"stretch"'}
    assert encode_current(space, load_config(None, ["model.hidden=7", "optim.head_lr=0.02"])) == {
        "optim.head_lr": 0.02,
        "data.resize": '"stretch"',
    }


def test_values_replace_the_settings() -> None:
    values = {"optim.head_lr": 0.02, "model.dropout": [0.2, 0.1], "seed": 4, "model.args.drop_rate": 0.1}
    config = apply(Config(), values)
    assert (config.optim.head_lr, config.model.dropout, config.seed) == (0.02, (0.2, 0.1), 4)
    assert config.model.args == {"drop_rate": 0.1}
    assert config.optim.patience == Config().optim.patience
    assert [lookup(config, key) for key in values] == list(values.values())
    assert lookup(config, "model.args.other") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optim.hed_lr: {low: 1, high: 2}", r"space\.yaml: unknown key 'optim\.hed_lr'; did you mean 'optim\.head_lr'"),
        ("optim.lr.head: {low: 1, high: 2}", r"unknown key 'optim\.lr\.head'; expected a dotted key such as"),
        ("optim.head_lr: {low: -1.0, high: 2}", r"optim\.head_lr = -1\.0: input should be greater than 0"),
        ("data.resize: {choices: [pad, crop]}", r"data\.resize = 'crop'"),
        (
            "optim.head_lr: {low: 0.1}",
            r"optim\.head_lr = \{'low': 0\.1\} \(Field required\); expected a range such as \{low: 1e-4",
        ),
        (
            "optim.head_lr: 0.1",
            r"optim\.head_lr = 0\.1 \(.*\); expected a range such as .* or choices such as \{choices: \[a, b\]\}",
        ),
        ("optim.head_lr: {choices: [0.1]}", r"at least 2 items"),
        ("optim.head_lr: {low: 2.0, high: 1.0}", r"optim\.head_lr = .*low.*; expected a range such as"),
        (
            "optim.weight_decay: {low: 0.0, high: 1.0, log: true}",
            r"optim\.weight_decay = .*log.*; expected a range such as",
        ),
        ("seed: {low: 0, high: 9}", r"seed: the best of several seeds is best by chance only; remove it"),
        ("", r"is empty; expected settings to vary, for example optim\.head_lr: \{low: 1e-4, high: 1e-2\}"),
    ],
)
def test_an_invalid_space_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_space(write_space(tmp_path, text), Config())


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="wide: neither a file nor a preset; presets are default"):
        read_space("wide", Config())
