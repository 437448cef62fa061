"""Cached features: the head trains as on images and resumes exactly; some settings exclude the cache."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fxkit.config import AugmentConfig
from fxkit.data.dataset import DatasetOptions, FilmDataset
from fxkit.data.image_root import open_image_root
from fxkit.data.preprocessing import Preprocessing
from fxkit.models.backbones import build_backbone
from fxkit.training import feature_cache as module
from fxkit.training.feature_cache import can_cache, count_views, extract, features_key, hash_weights
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


@pytest.mark.slow
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


def test_features_of_weights_that_were_replaced_are_not_read(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "backbone.safetensors"
    config = settings("optim.epochs=[2, 0]", "optim.cached_views=2", f"model.weights={weights}")
    save_weights(weights, seed=1)
    with monkeypatch.context() as patch:
        stop_at_extraction(patch, 2)  # the features of the first view are kept; there is no checkpoint yet
        with pytest.raises(SystemExit):
            train(config, *source, tmp_path / "stopped")
    assert len(list((tmp_path / "stopped" / "checkpoints" / "head" / "features").iterdir())) == 1
    save_weights(weights, seed=2)
    train(config, *source, tmp_path / "stopped", TrainOptions(resume=True))
    train(config, *source, tmp_path / "whole")
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("stopped", "whole")]
    assert models[0] == models[1]


def test_the_key_follows_all_that_features_depend_on(source: Source, tmp_path: Path) -> None:
    root, records = source
    shutil.copytree(root, tmp_path / "films")
    images, some = open_image_root(tmp_path / "films"), records[:3]
    size, larger = (Preprocessing(side, "pad", (0.5,) * 3, (0.5,) * 3) for side in (64, 96))
    plain = FilmDataset(images, some, ("a", "b"), size)
    augmented = DatasetOptions(AugmentConfig(), seed=1)
    others = [
        FilmDataset(images, some[::-1], ("a", "b"), size),
        FilmDataset(images, some, ("a", "b"), larger),
        FilmDataset(images, some, ("a", "b"), size, augmented),
        FilmDataset(images, some, ("a", "b"), size, replace(augmented, seed=2)),
        FilmDataset(images, some, ("a", "b"), size, replace(augmented, augmentation=AugmentConfig(rotate_deg=1))),
    ]
    keys = [features_key("w", dataset) for dataset in (plain, *others)] + [features_key("v", plain)]
    assert len(set(keys)) == len(keys)
    assert features_key("w", FilmDataset(images, some, ("b", "a"), size)) == keys[0]  # labels are not features
    film = tmp_path / "films" / some[0].path
    film.write_bytes(film.read_bytes())  # changed in place
    assert features_key("w", plain) != keys[0]
    film.unlink()
    assert features_key("w", plain) not in keys


def test_the_hash_of_weights_follows_values_and_not_their_layout() -> None:
    network = build_backbone("test_resnet", pretrained=False)
    before = hash_weights(network)
    assert hash_weights(network.to(memory_format=torch.channels_last)) == before
    next(network.buffers()).add_(1)
    assert hash_weights(network) != before


def save_weights(path: Path, *, seed: int) -> None:
    """Write random weights of the tiny backbone."""
    torch.manual_seed(seed)
    save_file(build_backbone("test_resnet", pretrained=False).state_dict(), path)


def stop_at_extraction(patch: pytest.MonkeyPatch, number: int) -> None:
    """Stop the training with SystemExit before so many extractions of features."""
    seen: list[int] = []

    def extract_or_stop(*arguments: object) -> np.ndarray:
        seen.append(1)
        if len(seen) == number:
            raise SystemExit("killed")
        return extract(*arguments)  # type: ignore[arg-type]

    patch.setattr(module, "extract", extract_or_stop)


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
