"""Ablations that compare settings or splits."""

import json
from pathlib import Path

import pytest

from fxkit.ablation.result import format_table
from fxkit.ablation.run import run_ablation
from fxkit.ablation.settings import AblationOptions, AblationSettings, read_ablation_settings
from fxkit.ablation.variants import judge
from fxkit.config import load_config
from fxkit.data.manifest import films_hash
from fxkit.errors import ConfigError
from fxkit.index.build import IndexOptions, index_data
from fxkit.report.ablation import Contrast
from fxkit.synth.dataset import Synthetic

TINY = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]"])


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ([(0.2, 0.1, 0.3, 0.001)], "difference"),
        ([(-0.2, -0.3, -0.1, 0.001)], "difference"),
        ([(0.2, 0.1, 0.3, 0.03), (0.0, -0.3, 0.3, 0.9)], "undecided"),
        ([(0.0, -0.04, 0.04, 0.9)], "no difference"),
        ([(0.1, -0.1, 0.3, 0.2)], "undecided"),
    ],
)
def test_the_verdict_follows_interval_and_p(figures: list[tuple[float, float, float, float]], verdict: str) -> None:
    contrasts = [
        Contrast(key="b", text="a minus b", value=value, low=low, high=high, p=p) for value, low, high, p in figures
    ]
    assert judge(contrasts, 0.05)[0] == verdict


def test_a_split_by_file_is_compared_with_one_by_group(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    preset = read_ablation_settings("split", seeds=[0], folds=3)
    result = run_ablation("split", TINY, index.root, index.records, tmp_path, preset)
    assert [c.trained for c in result.cells] == ["by file", "by group"]
    assert [row[0] for row in format_table(result)] == ["auroc by film", "by file", "by group"]
    assert result.contrasts[0].text == "by file minus by group"
    assert result.contrasts[0].value == pytest.approx(result.cells[0].value - result.cells[1].value)
    written = json.loads((tmp_path / "ablation.json").read_text())
    assert (written["name"], written["backbone"]) == ("split", TINY.model.backbone)
    assert written["manifest"] == films_hash(index.records, split=False)


def test_with_several_backbones_the_result_names_none(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    arms = {name: {"model.backbone": name} for name in ("test_resnet", "test_efficientnet")}
    preset = AblationSettings(question="which backbone?", kind="settings", arms=arms, seeds=(0,), folds=0)
    assert run_ablation("backbones", TINY, index.root, index.records, tmp_path, preset).backbone == ""


def test_settings_are_compared_with_the_first_arm(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    arms = {"64 px": {"data.image_size": 64}, "32 px": {"data.image_size": 32}}
    preset = AblationSettings(question="which size?", kind="settings", arms=arms, seeds=(0,), folds=0)
    result = run_ablation("sizes", TINY, index.root, index.records, tmp_path, preset)
    assert [c.text for c in result.contrasts] == ["64 px minus 32 px"]
    assert result.n_files == sum(r.split == "test" for r in index.records)


def test_settings_that_do_not_change_frozen_features_need_full_training(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    with pytest.raises(ConfigError, match=r"arm 'plain': augment.enabled does not change the features .*; give --full"):
        run_ablation("augment", TINY, index.root, index.records, tmp_path, read_ablation_settings("augment"))


def test_a_split_needs_folds(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    with pytest.raises(ConfigError, match=r"ablation split: folds = 0; expected 3 or more"):
        run_ablation("split", TINY, index.root, index.records, tmp_path, read_ablation_settings("split", folds=0))


def test_an_arm_with_an_unknown_setting_is_refused(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    preset = AblationSettings(question="?", kind="settings", arms={"a": {}, "b": {"data.size": 3}})
    with pytest.raises(ConfigError, match=r"arm 'b': unknown key 'data.size'"):
        run_ablation("x", TINY, index.root, index.records, tmp_path, preset)


@pytest.mark.slow
def test_full_training_compares_augmentation(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    preset = read_ablation_settings("augment", seeds=[0], folds=0)
    result = run_ablation("augment", TINY, index.root, index.records, tmp_path, preset, AblationOptions(full=True))
    assert (tmp_path / "augmented-seed0" / "model.json").is_file()
    assert result.mode == "full"
