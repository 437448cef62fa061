"""The YAML files of ablations."""

from pathlib import Path

import pytest

from fxkit.ablation.settings import ablation_settings, list_ablations
from fxkit.errors import ConfigError


def test_the_presets_are_listed_and_valid() -> None:
    assert set(list_ablations()) == {"masked-vs-raw", "split", "augment", "backbone", "resolution"}
    preset = ablation_settings("masked-vs-raw")
    assert (preset.kind, preset.seeds, preset.folds) == ("markers", (0, 1, 2), 5)


def test_options_go_over_the_file() -> None:
    preset = ablation_settings("split", seeds=[7], folds=4)
    assert (preset.seeds, preset.folds) == ((7,), 4)


def test_an_unknown_ablation_names_what_there_is() -> None:
    with pytest.raises(
        ConfigError, match=r"masked: neither a file nor a preset; presets are augment, backbone, masked"
    ):
        ablation_settings("masked")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds: [0]", "question: Field required"),
        ("question: why?\nfolds: 2", "folds: Value error, 0, or 3 or more"),
        ("question: why?\nseeds: []", "seeds: "),
        ("question: why?\ntrained: [cleaned]", "raw must be among them"),
        ("question: why?\nkinds: split", "kinds: Extra inputs are not permitted"),
        ("question: why?\nkind: settings\narms: {a: {}}", "arms: 1 given; expected two or more"),
    ],
)
def test_a_wrong_file_is_told(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text + "\n")
    with pytest.raises(ConfigError, match=words):
        ablation_settings(str(tmp_path / "mine.yaml"))
