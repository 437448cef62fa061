"""Torch dataset and data loaders for the films of a manifest.

A training item depends only on its seed (from run and epoch) and its index, so a resumed run repeats it exactly.
"""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from fxkit.config import AugmentConfig, DataConfig, OptimConfig
from fxkit.data.film_cache import FilmCache
from fxkit.data.image_root import ImageRoot
from fxkit.data.manifest import Record
from fxkit.data.preprocessing import Grey, Preprocessing, resize
from fxkit.data.seeds import mix_seed
from fxkit.data.transforms import augment, build_augmentation, shrink, to_tensor, training_px
from fxkit.errors import DataError
from preprocess.image_files import MAX_PIXELS
from preprocess.images import read_grey8


@dataclass(frozen=True)
class DatasetOptions:
    """How a dataset reads and augments its films.

    Attributes:
        augmentation: settings of the random augmentation; None returns every film unchanged but resized.
        seed: together with the item's index, it determines the augmented view.
        max_pixels: larger images are refused.
        cache: keeps decoded films on disk; None decodes them every time. The items are the same either way.
    """

    augmentation: AugmentConfig | None = None
    seed: int = 0
    max_pixels: int = MAX_PIXELS
    cache: FilmCache | None = None


class FilmDataset(Dataset[tuple[Tensor, int]]):
    """Dataset of pairs: image, (3, S, S) float32, normalised; and class index, -1 if the class is not in `classes`.

    With augmentation, a film is decoded no larger than its random crops need (see `training_px`).
    """

    def __init__(
        self,
        images: ImageRoot,
        records: Sequence[Record],
        classes: Sequence[str],
        preprocessing: Preprocessing,
        options: DatasetOptions | None = None,
    ) -> None:
        self.images = images
        self.records = list(records)
        self.class_index: Mapping[str, int] = {name: i for i, name in enumerate(classes)}
        self.preprocessing = preprocessing
        self.options = options or DatasetOptions()
        augmentation = self.options.augmentation
        self.transform = build_augmentation(augmentation, preprocessing) if augmentation else None
        self.side_px = training_px(augmentation, preprocessing) if augmentation else None

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        record = self.records[item]
        image = self._read(self.images.find(record.path))
        if self.transform is not None:
            image = augment(image, self.transform, self.preprocessing, mix_seed(self.options.seed, item))
        return to_tensor(image, self.preprocessing), self.class_index.get(record.label, -1)

    def _read(self, path: Path) -> Grey:
        if self.options.cache is None:
            return self._decode(path)
        size = self.side_px or (self.preprocessing.image_size, self.preprocessing.resize)
        return self.options.cache.get(path, f"{size} {self.options.max_pixels}", self._decode)

    def _decode(self, path: Path) -> Grey:
        image = read_grey8(path, at_least_px=self.side_px, max_pixels=self.options.max_pixels)
        return resize(image, self.preprocessing) if self.side_px is None else shrink(image, self.side_px)


ProcessShare = tuple[int, int]  # rank of a training process, counted from 0; number of processes

SINGLE_PROCESS: ProcessShare = (0, 1)


def build_loader(
    dataset: Dataset[tuple[Tensor, int]],
    config: DataConfig,
    *,
    shuffle_seed: int | None = None,
    share: ProcessShare = SINGLE_PROCESS,
) -> DataLoader[tuple[Tensor, int]]:
    """Build a loader that keeps the order of the records, or shuffles them with a seed.

    The order is fixed here rather than by a sampler, so every iteration over the loader sees the same order.

    Args:
        shuffle_seed: None keeps the order. A shuffled loader leaves out a last batch of a single film, because batch
            normalisation needs two.
        share: the part of a shuffled dataset for one of several training processes. All parts have the same length
            and no film in common; films that do not divide evenly are left out.
    """
    count = len(cast(Sized, dataset))
    order = list(range(count))
    if shuffle_seed is not None:
        order = torch.randperm(count, generator=torch.Generator().manual_seed(shuffle_seed)).tolist()
        rank, processes = share
        order = order[: len(order) - len(order) % processes][rank::processes]
        if len(order) % config.batch_size == 1 and len(order) > 1:
            order = order[:-1]
    return DataLoader(
        Subset(dataset, order),
        batch_size=config.batch_size,
        num_workers=min(config.workers, count),
        worker_init_fn=_use_one_opencv_thread,
        # Without its own generator, a loader draws from torch's global one and changes the dropout that follows.
        generator=torch.Generator().manual_seed(0),
        pin_memory=torch.cuda.is_available(),
    )


def _use_one_opencv_thread(_worker: int) -> None:
    """Stop OpenCV from starting threads in a loader process: a thread pool can hang after a fork."""
    cv2.setNumThreads(0)


def sample_films_evenly(records: Sequence[Record], seed: int) -> list[Record]:
    """Draw about as many records as given, the same number from each film, whatever its number of copies.

    The copies of a film are drawn in random order without repetition; after the last copy, the order starts again.
    The drawn records keep the order of `records`.
    """
    rng = np.random.default_rng(seed)
    copies: dict[str, list[int]] = {}
    for i in rng.permutation(len(records)).tolist():
        copies.setdefault(records[i].film, []).append(i)
    per_film = max(1, round(len(records) / max(1, len(copies))))
    return [records[i] for i in sorted(files[n % len(files)] for files in copies.values() for n in range(per_film))]


def training_weights(optim: OptimConfig, records: Sequence[Record], classes: Sequence[str]) -> Tensor:
    """Return the class weights, (C,) float32, with which a run trains on its training records; all 1 without weighting.

    Raises:
        DataError: a class has no file among the records.
    """
    if optim.film_weights:
        records = list({r.film: r for r in records}.values())
    balanced = class_weights(records, classes)
    return balanced if optim.class_weights else torch.ones_like(balanced)


def class_weights(records: Sequence[Record], classes: Sequence[str]) -> Tensor:
    """Return class weights, (C,) float32, inversely proportional to the number of files; their mean over files is 1.

    Raises:
        DataError: a class has no file among the records.
    """
    counts = [sum(r.label == name for r in records) for name in classes]
    if 0 in counts:
        raise DataError(
            f"class {classes[counts.index(0)]!r} has no training film; expected at least one of every class; split "
            "again with `fxkit index`"
        )
    return torch.tensor([len(records) / (len(classes) * count) for count in counts])
