"""Train the head on cached features: the frozen backbone computes each augmented view of a film only once."""

import hashlib
import io
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from fxkit.config import Config
from fxkit.data.dataset import FilmDataset, build_loader
from fxkit.models.classifier import forward_films
from fxkit.training.films import Films, Phase
from preprocess.errors import ImageError
from preprocess.files import FileState, file_state, write_atomic

Features = NDArray[np.float32]

KEY_DIGITS = 32  # hexadecimal digits of the key in a file's name


@dataclass(frozen=True)
class FeatureFilms(Films):
    """Films whose loaders yield (N, D) float32 features instead of (N, 3, S, S) images.

    In epoch e the head sees the augmented view that training on images uses in epoch e modulo `optim.cached_views`.
    Each view is cached in a file, so a resumed run reads the features that the stopped run computed. The file's name
    has a key of all that the features depend on, so that a run whose weights or films were changed in place meanwhile
    does not read features of the old ones.

    Attributes:
        backbone: frozen; the caller moves it to the device.
        folder: folder for the features.
    """

    backbone: nn.Module | None = None
    folder: Path = Path()

    def train_loader(self, phase: Phase, epoch: int, *_share: object) -> DataLoader[tuple[Tensor, int]]:
        view = epoch % count_views(self.config)
        return self._loader(f"train-{view}", self.training_dataset(phase, view), self.seed(phase, epoch))

    def val_loader(self, *_share: object) -> DataLoader[tuple[Tensor, int]]:
        return self._loader("val", self._dataset(self._select("val", 0), None, 0), None)

    def _loader(self, name: str, dataset: FilmDataset, shuffle_seed: int | None) -> DataLoader[tuple[Tensor, int]]:
        path = self.folder / f"{name}-{features_key(self._weights_hash, dataset)}.npy"
        if not path.is_file():
            assert self.backbone is not None
            _write(path, extract(self.backbone, build_loader(dataset, self.config.data)))
        rows = _FeatureDataset(np.load(path, mmap_mode="r"), [dataset.class_index[r.label] for r in dataset.records])
        in_process = self.config.data.model_copy(update={"workers": 0})  # sending a row to a process takes longer
        return build_loader(rows, in_process, shuffle_seed=shuffle_seed)

    @cached_property
    def _weights_hash(self) -> str:
        """Hash of the backbone's weights when features are first needed: a resumed run has loaded its checkpoint."""
        assert self.backbone is not None
        return hash_weights(self.backbone)


class _FeatureDataset(Dataset[tuple[Tensor, int]]):
    def __init__(self, features: Features, labels: Sequence[int]) -> None:
        self.features = features
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        return torch.from_numpy(self.features[item].copy()), self.labels[item]


def can_cache(config: Config, processes: int) -> bool:
    """Return whether the head can train on features: in one process, and without mixing of images."""
    mixes = config.augment.mixup_alpha > 0 or config.augment.cutmix_alpha > 0
    return config.optim.cached_views > 0 and processes == 1 and not mixes


def count_views(config: Config) -> int:
    """Return how many views of each film are cached: one if all epochs see the same images."""
    epochs_differ = config.augment.enabled or config.optim.film_weights
    return min(config.optim.epochs[0], config.optim.cached_views) if epochs_differ else 1


def as_features(films: Films, backbone: nn.Module, folder: Path) -> FeatureFilms:
    """Return the films as features, which are computed on first use.

    Args:
        backbone: a backbone with all parameters frozen.
        folder: folder for the features; created on first use.
    """
    return FeatureFilms(**{f.name: getattr(films, f.name) for f in fields(films)}, backbone=backbone, folder=folder)


def hash_weights(network: nn.Module) -> str:
    """Return the SHA-256 of the weights and buffers of a network in hexadecimal, whatever their device."""
    digest = hashlib.sha256()
    for name, values in network.state_dict().items():
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def features_key(weights_hash: str, dataset: FilmDataset) -> str:
    """Return a key of all that the features of a dataset depend on: weights, files, preprocessing and augmentation.

    A file counts by its path, size and times, so that a film that was changed in place has another key.
    """
    options, augmentation = dataset.options, dataset.options.augmentation
    facts: list[object] = [weights_hash, dataset.preprocessing, options.seed, options.max_pixels]
    facts.append(augmentation and augmentation.model_dump_json())
    facts += [(record.path, _state_of(dataset, record.path)) for record in dataset.records]
    return hashlib.sha256(repr(facts).encode(errors="surrogateescape")).hexdigest()[:KEY_DIGITS]


def _state_of(dataset: FilmDataset, path: str) -> FileState | None:
    with suppress(OSError, ImageError):  # reading the film says what is wrong with it
        return file_state(dataset.images.find(path))
    return None


def delete_features(folder: Path) -> None:
    """Delete the features of a finished phase."""
    shutil.rmtree(folder, ignore_errors=True)


@torch.inference_mode()
def extract(backbone: nn.Module, loader: DataLoader[tuple[Tensor, int]]) -> Features:
    """Return (N, D) float32 features of all images of a loader, in the order of the loader.

    The backbone is left in evaluation mode. In that mode batch normalisation uses its stored statistics, so the
    features of an image do not depend on its batch.
    """
    backbone.eval()
    device = next(backbone.parameters()).device
    parts = [forward_films(backbone, images.to(device)).float().cpu().numpy() for images, _ in loader]
    return np.asarray(np.concatenate(parts), np.float32)


def _write(path: Path, features: Features) -> None:
    out = io.BytesIO()
    np.save(out, features, allow_pickle=False)
    write_atomic(path, out.getvalue())
