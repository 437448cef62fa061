"""The space of a search: what a YAML file may say, and how values go to Optuna and back."""

from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from fxkit.config import Config, find_preset, load_config, presets_folder
from fxkit.errors import ConfigError
from fxkit.training.search.space import apply, as_stands, lookup, read_space
from preprocess.yaml_files import read_yaml


def written(folder: Path, text: str) -> Path:
    (folder / "space.yaml").write_text(text)
    return folder / "space.yaml"


def test_ranges_and_choices_become_optunas(tmp_path: Path) -> None:
    text = (
        "optim.head_lr: {low: 1e-4, high: 1e-2, log: true}\nmodel.hidden: {low: 32, high: 64, step: 16}\n"
        "optim.weight_decay: {low: 0, high: 0.5, step: 0.25}\nmodel.dropout: {choices: [[0.1, 0.2], [0.5, 0.3]]}\n"
    )
    space = read_space(written(tmp_path, text), Config())
    assert {key: knob.distribution() for key, knob in space.items()} == {
        "optim.head_lr": FloatDistribution(1e-4, 1e-2, log=True),
        "model.hidden": IntDistribution(32, 64, step=16),
        "optim.weight_decay": FloatDistribution(0, 0.5, step=0.25),
        "model.dropout": CategoricalDistribution(["[0.1, 0.2]", "[0.5, 0.3]"]),
    }
    assert space["model.dropout"].decode("[0.5, 0.3]") == [0.5, 0.3]
    assert space["optim.head_lr"].decode(0.002) == 0.002


@pytest.mark.parametrize("preset", sorted(file.stem for file in (presets_folder() / "search").glob("*.yaml")))
def test_the_presets_are_spaces_that_hold_the_default_settings(preset: str) -> None:
    space = read_space(preset, Config())
    assert set(as_stands(space, Config())) == set(read_yaml(find_preset("search", preset)))


def test_settings_outside_the_space_are_left_to_optuna(tmp_path: Path) -> None:
    text = (
        "optim.head_lr: {low: 1e-2, high: 1e-1}\nmodel.hidden: {choices: [512, 64]}\n"
        "data.resize: {choices: [pad, stretch]}\n"
    )
    space = read_space(written(tmp_path, text), Config())
    assert as_stands(space, Config()) == {"model.hidden": "512", "data.resize": '"stretch"'}
    assert as_stands(space, load_config(None, ["model.hidden=7", "optim.head_lr=0.02"])) == {
        "optim.head_lr": 0.02,
        "data.resize": '"stretch"',
    }


def test_values_are_laid_over_the_settings() -> None:
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
        ("optim.lr.head: {low: 1, high: 2}", r"unknown key 'optim\.lr\.head'; expected a dotted setting such as"),
        ("optim.head_lr: {low: -1.0, high: 2}", r"optim\.head_lr = -1\.0: input should be greater than 0"),
        ("data.resize: {choices: [pad, crop]}", r"data\.resize = 'crop'"),
        (
            "optim.head_lr: {low: 0.1}",
            r"optim\.head_lr = \{'low': 0\.1\} \(Field required\); expected such as \{low: 1e-4",
        ),
        ("optim.head_lr: 0.1", r"optim\.head_lr = 0\.1 \(.*\); expected such as .* or \{choices: \[a, b\]\}"),
        ("optim.head_lr: {choices: [0.1]}", r"at least 2 items"),
        ("optim.head_lr: {low: 2.0, high: 1.0}", r"optim\.head_lr = .*low.*; expected such as"),
        ("optim.weight_decay: {low: 0.0, high: 1.0, log: true}", r"optim\.weight_decay = .*log.*; expected such as"),
        ("seed: {low: 0, high: 9}", r"seed: the luckiest seed is no better than others; leave it out"),
        ("", r"is empty; expected settings to vary, such as optim\.head_lr: \{low: 1e-4, high: 1e-2\}"),
    ],
)
def test_what_is_no_space_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_space(written(tmp_path, text), Config())


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(ConfigError, match="wide: neither a file nor a preset; presets are default"):
        read_space("wide", Config())
