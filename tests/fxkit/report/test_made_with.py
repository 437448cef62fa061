"""What an ablation and a run must have in common."""

import json
from typing import Any

import pytest

from fxkit.config import load_config
from fxkit.data.preprocessing import Preprocessing
from fxkit.report.made_with import describe_differences, describe_training

PREPROCESSING = Preprocessing(96, "stretch", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def made(*settings: str, mode: str = "full", size: int = 96, **source: Any) -> dict[str, Any]:
    preprocessing = Preprocessing(size, "stretch", PREPROCESSING.mean, PREPROCESSING.std)
    described = describe_training(load_config("tiny", settings), mode, preprocessing, source)
    assert json.loads(json.dumps(described)) == described
    return described


@pytest.mark.parametrize(
    ("settings", "full", "quick"),
    [
        (["seed=3", "data.workers=1", "trainer.precision=bf16-mixed"], [], ["seed (3, and 0 in this run)"]),
        (["optim.head_lr=0.5"], ["optim.head_lr (0.5, and 0.003 in this run)"], []),
        (["augment.enabled=false"], ["augment.enabled (False, and True in this run)"], []),
        (
            ["model.args={a: 1}"],
            ["model.args ({'a': 1}, and {} in this run)"],
            ["model.args ({'a': 1}, and {} in this"],
        ),
        (["model.weights=w.pt"], ["model.weights (w.pt, and None in this run)"], ["model.weights (w.pt"]),
    ],
)
def test_settings_that_change_the_models_are_told(settings: list[str], full: list[str], quick: list[str]) -> None:
    for mode, expected in (("full", full), ("quick", quick)):
        theirs = made("model.pretrained=false", *settings, mode=mode)
        found = describe_differences(theirs, made("model.pretrained=false", mode=mode))
        assert len(found) == len(expected)
        assert all(text.startswith(start) for text, start in zip(found, expected, strict=True))


def test_the_size_as_it_was_resolved_is_compared() -> None:
    assert describe_differences(made("data.image_size=64"), made()) == []  # both resolved to 96
    assert describe_differences(made(size=64), made()) == ["image_size (64, and 96 in this run)"]


def test_the_same_weights_may_have_two_paths() -> None:
    ours = made("model.weights=a.pt", weights_sha256="1" * 64)
    assert describe_differences(made("model.weights=/x/a.pt", weights_sha256="1" * 64), ours) == []
    other = describe_differences(made("model.weights=a.pt", weights_sha256="2" * 64), ours)
    assert other == [f"weights_sha256 ({'2' * 40}..., and {'1' * 40}... in this run)"]


def test_what_an_older_run_does_not_record_is_not_compared() -> None:
    older = describe_training(load_config("tiny"), "full", None, {"pretrained_tag": None})
    assert describe_differences(made(size=64, pretrained_tag="a1_in1k"), older) == []
