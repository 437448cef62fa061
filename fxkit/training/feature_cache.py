"""Phase 1 on features: the frozen backbone sees each view of a film once, and the head trains on what it gave."""

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields
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
from preprocess.files import write_atomic

Features = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureFilms(Films):
    """Films whose loaders give (N, D) float32 features instead of (N, 3, S, S) images.

    Epoch e trains on the view that training on images sees in epoch e modulo `optim.cached_views`. Features are kept
    in a folder, a file a view, so that a resumed run reads what the killed one made.
    """

    backbone: nn.Module | None = None  # frozen; moved by whoever trains
    folder: Path = Path()

    def train_loader(self, phase: Phase, epoch: int, *_share: object) -> DataLoader[tuple[Tensor, int]]:
        view = epoch % view_count(self.config)
        return self._loader(f"train-{view}", self.training_part(phase, view), self.seed(phase, epoch))

    def val_loader(self, *_share: object) -> DataLoader[tuple[Tensor, int]]:
        return self._loader("val", self._dataset(self._shown("val", 0), None, 0), None)

    def _loader(self, name: str, films: FilmDataset, shuffle_seed: int | None) -> DataLoader[tuple[Tensor, int]]:
        path = self.folder / f"{name}.npy"
        if not path.is_file():
            assert self.backbone is not None
            _write(path, extract(self.backbone, build_loader(films, self.config.data)))
        kept = _FeatureDataset(np.load(path, mmap_mode="r"), [films.class_index[r.label] for r in films.records])
        in_process = self.config.data.model_copy(update={"workers": 0})  # rows are read faster than handed over
        return build_loader(kept, in_process, shuffle_seed=shuffle_seed)


class _FeatureDataset(Dataset[tuple[Tensor, int]]):
    def __init__(self, features: Features, labels: Sequence[int]) -> None:
        self.features = features
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        return torch.from_numpy(self.features[item].copy()), self.labels[item]


def can_cache(config: Config, processes: int) -> bool:
    """Tell whether the head may train on features: not by several processes, nor where images are mixed."""
    mixes = config.augment.mixup_alpha > 0 or config.augment.cutmix_alpha > 0
    return config.optim.cached_views > 0 and processes == 1 and not mixes


def view_count(config: Config) -> int:
    """Return how many views of each film the backbone sees: one, where all epochs show the same."""
    changing = config.augment.enabled or config.optim.film_weights
    return min(config.optim.epochs[0], config.optim.cached_views) if changing else 1


def on_features(films: Films, backbone: nn.Module, folder: Path) -> FeatureFilms:
    """Return films as their features, which are made when they are asked for.

    Args:
        backbone: wholly frozen.
        folder: for the features; made if need be.
    """
    return FeatureFilms(**{f.name: getattr(films, f.name) for f in fields(films)}, backbone=backbone, folder=folder)


def delete_features(folder: Path) -> None:
    """Delete the features of a phase that is done."""
    shutil.rmtree(folder, ignore_errors=True)


@torch.inference_mode()
def extract(backbone: nn.Module, loader: DataLoader[tuple[Tensor, int]]) -> Features:
    """Return the backbone's (N, D) float32 features of all images of a loader, in its order; leaves it in evaluation.

    In evaluation, batch norm uses its own statistics, so a film's features do not depend on its batch.
    """
    backbone.eval()
    device = next(backbone.parameters()).device
    parts = [forward_films(backbone, images.to(device)).float().cpu().numpy() for images, _ in loader]
    return np.asarray(np.concatenate(parts), np.float32)


def _write(path: Path, features: Features) -> None:
    out = io.BytesIO()
    np.save(out, features, allow_pickle=False)
    write_atomic(path, out.getvalue())
