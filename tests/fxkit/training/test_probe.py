"""The linear probe: compared with known optima, and as a phase of training."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from fxkit.config import load_config
from fxkit.errors import ConfigError
from fxkit.index.build import Index
from fxkit.models.classifier import Classifier
from fxkit.models.run_folder import read_json
from fxkit.models.saved import load_model
from fxkit.training.folds import train_folds
from fxkit.training.history import read_history
from fxkit.training.probe import fit_head
from fxkit.training.train import TrainOptions, train

SETTINGS = ("data.image_size=64", "model.hidden=0", "optim.head=probe")


def points(classes: int, n: int = 120) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    labels = np.minimum(rng.integers(0, classes + 1, n), classes - 1)
    return rng.normal(size=(n, 4)) * (1, 5, 0.1, 1) + labels[:, None] * (0.5, 1, 0, 0) + 3, labels


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))


@pytest.mark.parametrize("balanced", [False, True])
def test_two_classes_reach_the_optimum_of_the_documented_loss(balanced: bool) -> None:
    x, labels = points(2)
    scaled = (x - x.mean(0)) / x.std(0)
    share = np.bincount(labels) / len(labels)
    weight = 1 / (2 * share[labels]) if balanced else np.ones(len(labels))

    def loss(w: NDArray[np.float64]) -> float:
        margin = (2 * labels - 1) * (scaled @ w[:-1] + w[-1])
        return float((weight * np.logaddexp(0, -margin)).mean() + 0.3 / 2 * (w[:-1] ** 2).sum())

    best = minimize(loss, np.zeros(5), tol=1e-10).x
    weights, biases = fit_head(x, labels, penalty=0.3, balanced=balanced)
    expected = 1 / (1 + np.exp(-(scaled @ best[:-1] + best[-1])))
    assert np.allclose(softmax(x @ weights.T + biases)[:, 1], expected, atol=1e-3)


def test_with_a_strong_penalty_three_classes_get_their_frequencies() -> None:
    x, labels = points(3)
    weights, biases = fit_head(x, labels, penalty=1e4, balanced=False)
    assert weights.shape == (3, 4)
    assert np.allclose(softmax(x @ weights.T + biases)[0], np.bincount(labels) / len(labels), atol=0.02)


def test_a_constant_feature_gives_finite_weights() -> None:
    x, labels = points(2)
    x[:, 2] = 7.0
    weights, biases = fit_head(x, labels, penalty=0.1, balanced=True)
    assert np.isfinite(weights).all()
    assert np.isfinite(biases).all()


def test_the_penalty_does_not_depend_on_the_number_of_films() -> None:
    x, labels = points(2)
    once = fit_head(x, labels, penalty=0.5, balanced=True)
    twice = fit_head(np.tile(x, (2, 1)), np.tile(labels, 2), penalty=0.5, balanced=True)
    assert np.allclose(once[0], twice[0], atol=1e-3)


def test_a_hidden_layer_is_refused_before_anything_is_written(made_index: Index, tmp_path: Path) -> None:
    config = load_config("tiny", ["optim.head=probe", "model.hidden=8"])
    with pytest.raises(ConfigError, match=r"probe: model\.hidden = 8; expected a linear head: set model\.hidden=0"):
        train(config, made_index.root, made_index.records, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_each_fold_trains_a_probe_and_the_run_averages_them(made_index: Index, tmp_path: Path) -> None:
    config = load_config("tiny", [*SETTINGS, "optim.epochs=[1,0]"])
    train_folds(config, made_index.root, made_index.records, tmp_path / "run", 3)
    model = load_model(tmp_path / "run")
    assert model.card.members == 3
    assert all(isinstance(member.classifier, Classifier) for member in model.members)
    assert [len(cast(Classifier, member.classifier).head) for member in model.members] == [2, 2, 2]


def test_training_saves_the_probe_and_repeats_exactly(made_index: Index, tmp_path: Path) -> None:
    config = load_config("tiny", [*SETTINGS, "optim.epochs=[2,0]", "optim.film_weights=true"])
    result = train(config, made_index.root, made_index.records, tmp_path / "probe")
    assert (result.phase, result.epoch) == ("head", 0)
    row = read_history(tmp_path / "probe" / "history.csv")[0]
    assert float(row["val_loss"]) == pytest.approx(result.val_loss, abs=1e-4)
    assert row["train_loss"] == ""
    assert row["val_auroc"] != ""
    assert read_json(tmp_path / "probe" / "phases.json")["head"]["finetuned_from"] == ""
    model = load_model(tmp_path / "probe")
    train(config, made_index.root, made_index.records, tmp_path / "again")
    again = load_model(tmp_path / "again")
    for a, b in zip(model.classifier.parameters(), again.classifier.parameters(), strict=True):
        assert torch.equal(a, b)


def test_fine_tuning_starts_from_the_probe(made_index: Index, tmp_path: Path) -> None:
    config = load_config("tiny", [*SETTINGS, "optim.epochs=[1,1]"])
    train(config, made_index.root, made_index.records, tmp_path / "run")
    rows = read_history(tmp_path / "run" / "history.csv")
    assert [row["phase"] for row in rows] == ["head", "finetune"]
    train(config, made_index.root, made_index.records, tmp_path / "run", TrainOptions(resume=True))
    assert read_history(tmp_path / "run" / "history.csv") == rows


def test_the_preset_has_a_linear_head_and_one_pass() -> None:
    config = load_config("probe", [])
    assert (config.model.hidden, config.optim.head, config.optim.epochs) == (0, "probe", (1, 0))
