"""Cached features: the head trains as on images and resumes exactly; some settings exclude the cache."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fxkit.models.backbones import build_backbone
from fxkit.training import feature_cache as module
from fxkit.training.feature_cache import can_cache, count_views, extract
from fxkit.training.history import read_history
from fxkit.training.train import TrainOptions, train

from .conftest import Source, settings, stop_training_after


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_with_one_view_per_epoch_features_train_the_same_head_as_images(
    source: Source, tmp_path: Path, backbone: str
) -> None:
    for views in (0, 3):
        config = settings("optim.epochs=[3, 0]", f"optim.cached_views={views}", f"model.backbone={backbone}")
        train(config, *source, tmp_path / str(views))
    images, features = (load_file(tmp_path / views / "model.safetensors") for views in "03")
    assert all(torch.allclose(images[key], features[key], atol=1e-5) for key in images)
    rows = [read_history(tmp_path / views / "history.csv") for views in "03"]
    for one, other in zip(*rows, strict=True):
        assert float(one["train_loss"]) == pytest.approx(float(other["train_loss"]), abs=1e-4)
        assert float(one["val_loss"]) == pytest.approx(float(other["val_loss"]), abs=1e-4)


def test_each_view_is_computed_once_and_the_features_are_deleted(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = count_films(monkeypatch)
    train(settings("optim.epochs=[5, 0]", "optim.cached_views=2"), *source, tmp_path / "run")
    parts = {part: sum(r.split == part and r.status == "ok" for r in source[1]) for part in ("train", "val")}
    assert sorted(seen) == sorted([parts["train"], parts["train"], parts["val"]])
    assert not (tmp_path / "run" / "checkpoints" / "head" / "features").exists()


def test_a_killed_phase_resumes_with_its_features_to_the_same_weights(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings("optim.epochs=[4, 1]", "optim.cached_views=2")
    train(config, *source, tmp_path / "whole")
    for epochs in (1, 3):
        folder = tmp_path / f"stopped{epochs}"
        with monkeypatch.context() as patch:
            stop_training_after(patch, epochs)
            with pytest.raises(SystemExit):
                train(config, *source, folder)
        with monkeypatch.context() as patch:
            seen = count_films(patch)
            train(config, *source, folder, TrainOptions(resume=True))
        assert len(seen) == (1 if epochs == 1 else 0)  # only the second view is missing
        for name in ("model.safetensors", "history.csv"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def count_films(patch: pytest.MonkeyPatch) -> list[int]:
    """Record the number of films of each extraction that follows."""
    seen: list[int] = []

    def counting(*arguments: object) -> np.ndarray:
        features = extract(*arguments)  # type: ignore[arg-type]
        seen.append(len(features))
        return features

    patch.setattr(module, "extract", counting)
    return seen


def test_features_do_not_depend_on_the_batch() -> None:
    backbone = build_backbone("test_resnet").train()
    images = torch.rand(6, 3, 64, 64)
    labels = torch.zeros(6)
    whole, parts = ([(images, labels)], [(images[:2], labels), (images[2:], labels)])
    first, second = (extract(backbone, loader) for loader in (whole, parts))  # type: ignore[arg-type]
    assert first.dtype == np.float32
    assert np.allclose(first, second, atol=1e-5)
    assert not backbone.training


def test_features_are_not_cached_for_several_processes_or_mixed_images() -> None:
    assert can_cache(settings(), 1)
    assert not can_cache(settings(), 2)
    assert not can_cache(settings("optim.cached_views=0"), 1)
    assert not can_cache(settings("augment.mixup_alpha=0.2"), 1)
    assert not can_cache(settings("augment.cutmix_alpha=1.0"), 1)


@pytest.mark.parametrize(
    ("texts", "views"),
    [
        (["optim.epochs=[5, 0]", "optim.cached_views=3"], 3),
        (["optim.epochs=[2, 0]", "optim.cached_views=3"], 2),
        (["optim.epochs=[5, 0]", "optim.cached_views=3", "augment.enabled=false"], 1),
    ],
)
def test_the_number_of_views_follows_the_settings(texts: list[str], views: int) -> None:
    assert count_views(settings(*texts)) == views
