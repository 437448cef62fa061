"""The learning-rate search: it does not change the classifier, and training uses the suggested rate."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fxkit.config import load_config
from fxkit.data.image_root import open_image_root
from fxkit.errors import ConfigError
from fxkit.index.build import IndexOptions, index_data
from fxkit.models.backbones import build_preprocessing
from fxkit.models.classifier import build_classifier
from fxkit.models.run_folder import open_run
from fxkit.synth.dataset import Synthetic
from fxkit.training.films import Films
from fxkit.training.lr_find import HIGHEST, LOWEST, RateSearch, draw_rates, find_rate
from fxkit.training.train import TrainOptions, train

CONFIG = load_config("tiny", ["data.image_size=32", "augment.enabled=false", "trainer.accelerator=cpu"])
FIND = TrainOptions(find_lr=True)


def test_the_search_does_not_change_the_classifier(made: Synthetic) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    films = Films(
        CONFIG,
        open_image_root(index.root),
        index.records,
        ("not_fractured", "fractured"),
        build_preprocessing(CONFIG.model, CONFIG.data),
    )
    classifier = build_classifier(CONFIG.model, 2)
    before = {key: tensor.clone() for key, tensor in classifier.state_dict().items()}
    search = find_rate(classifier, films, steps=25)
    assert all(torch.equal(tensor, before[key]) for key, tensor in classifier.state_dict().items())
    assert len(search.rates) == len(search.losses)
    assert list(search.rates) == sorted(search.rates)
    assert LOWEST <= search.rates[0] < search.rates[-1] <= HIGHEST * 1.01
    assert search.suggestion is None or search.suggestion in search.rates
    assert draw_rates(search).startswith(b"\x89PNG")


def test_the_figure_is_drawn_without_a_suggestion() -> None:
    assert draw_rates(RateSearch((1e-3, 1e-2), (1.0, 2.0), None)).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ["optim.head=probe", "model.hidden=0"],
            r"^--lr-find: optim\.head = probe fits the head without a learning rate; set optim",
        ),
        (
            ["optim.epochs=[0, 1]"],
            r"^--lr-find: optim\.epochs = \[0, 1\] has no epoch that trains the head alone",
        ),
    ],
)
def test_a_search_without_a_trained_head_is_refused(
    settings: list[str], words: str, made: Synthetic, tmp_path: Path
) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    config = load_config("tiny", ["data.image_size=32", *settings])
    with pytest.raises(ConfigError, match=words):
        train(config, index.root, index.records, tmp_path / "run", FIND)
    assert not (tmp_path / "run").exists()


def test_the_run_trains_with_the_suggested_rate_and_keeps_it_when_resumed(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    config = load_config("tiny", ["data.image_size=32", "optim.epochs=[1, 0]", "optim.head_lr=0.123"])
    train(config, index.root, index.records, tmp_path / "run", FIND)
    rate = open_run(tmp_path / "run").config.optim.head_lr
    assert (tmp_path / "run" / "figures" / "lr_find.png").is_file()
    assert rate == 0.123 or LOWEST <= rate <= HIGHEST
    train(config, index.root, index.records, tmp_path / "run", replace(FIND, resume=True))
    assert open_run(tmp_path / "run").config.optim.head_lr == rate
