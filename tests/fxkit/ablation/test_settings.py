"""The settings of ablations, read from presets and YAML files."""

from pathlib import Path

import pytest

from fxkit.ablation.settings import list_ablations, read_ablation_settings
from fxkit.errors import ConfigError


def test_the_presets_are_listed_and_valid() -> None:
    assert set(list_ablations()) == {"masked-vs-raw", "split", "augment", "backbone", "resolution"}
    preset = read_ablation_settings("masked-vs-raw")
    assert (preset.kind, preset.seeds, preset.folds) == ("markers", (0, 1, 2), 5)


def test_options_replace_values_of_the_file() -> None:
    preset = read_ablation_settings("split", seeds=[7], folds=4)
    assert (preset.seeds, preset.folds) == ((7,), 4)


def test_an_unknown_ablation_is_reported_with_the_presets() -> None:
    with pytest.raises(
        ConfigError, match=r"masked: neither a file nor a preset; presets are augment, backbone, masked"
    ):
        read_ablation_settings("masked")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds: [0]", "question: Field required"),
        ("question: why?\nfolds: 2", "folds: Value error, 0, or 3 or more"),
        ("question: why?\nseeds: []", "seeds: "),
        ("question: why?\ntrained: [cleaned]", "raw must be in the list"),
        ("question: why?\nkinds: split", "kinds: Extra inputs are not permitted"),
        ("question: why?\nkind: settings\narms: {a: {}}", "arms: found 1; expected two or more"),
    ],
)
def test_an_invalid_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text + "\n")
    with pytest.raises(ConfigError, match=words):
        read_ablation_settings(str(tmp_path / "mine.yaml"))
