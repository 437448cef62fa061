"""Films as a torch dataset and its loaders; what an item looks like depends on its seed, epoch and index alone."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from fxkit.config import AugmentConfig, DataConfig
from fxkit.data.film_cache import FilmCache
from fxkit.data.manifest import Record
from fxkit.data.preprocessing import Grey, Preprocessing, resize
from fxkit.data.transforms import augment, build_augmentation, shrink, to_tensor, training_px
from fxkit.errors import DataError
from preprocess.errors import ImageError
from preprocess.images import MAX_PIXELS, read_grey8
from preprocess.ledger import LEDGER, ledger_of
from preprocess.listing import find_image


@dataclass(frozen=True)
class ImagePlace:
    """An image root, and for a cleaned one what its ledger says each file became ("" where cleaning failed)."""

    root: Path
    outputs: Mapping[str, str]

    def find(self, path: str) -> Path:
        """Return where the image of a relative path lies.

        Raises:
            ImageError: it is not there, or could not be cleaned.
        """
        output = self.outputs.get(path)
        if output == "":
            raise ImageError(f"{self.root / path}: could not be cleaned (see {LEDGER}); leave it out of the manifest")
        return find_image(self.root, path) if output is None else self.root / output


def image_place(root: str | Path) -> ImagePlace:
    """Return an image root as an ImagePlace; reads the ledger of a cleaned one."""
    return ImagePlace(Path(root), {path: row.output for path, row in ledger_of(root).items()})


class FilmDataset(Dataset[tuple[Tensor, int]]):
    """Items are ((3, S, S) float32, class index), or ((3, S, S), -1) for a film of no known class.

    Augmented views are made of films that are decoded and kept no larger than random crops need (`training_px`);
    views without augmentation of the whole film. A cache changes neither.
    """

    def __init__(
        self,
        place: ImagePlace,
        records: Sequence[Record],
        classes: Sequence[str],
        preprocessing: Preprocessing,
        augmentation: AugmentConfig | None = None,
        seed: int = 0,
        max_pixels: int = MAX_PIXELS,
        cache: FilmCache | None = None,
    ) -> None:
        self.place = place
        self.max_pixels = max_pixels
        self.records = list(records)
        self.index: Mapping[str, int] = {name: i for i, name in enumerate(classes)}
        self.preprocessing = preprocessing
        self.transform = build_augmentation(augmentation, preprocessing) if augmentation else None
        self.side_px = training_px(augmentation, preprocessing) if augmentation else None
        self.seed = seed
        self.cache = cache

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        record = self.records[item]
        image = self._film(self.place.find(record.path))
        if self.transform is not None:
            image = augment(image, self.transform, self.preprocessing, mix_seed(self.seed, item))
        return to_tensor(image, self.preprocessing), self.index.get(record.label, -1)

    def _film(self, path: Path) -> Grey:
        if self.cache is None:
            return self._decode(path)
        size = self.side_px or (self.preprocessing.image_size, self.preprocessing.resize)
        return self.cache.get(path, f"{size} {self.max_pixels}", self._decode)

    def _decode(self, path: Path) -> Grey:
        film = read_grey8(path, at_least_px=self.side_px, max_pixels=self.max_pixels)
        return resize(film, self.preprocessing) if self.side_px is None else shrink(film, self.side_px)


Share = tuple[int, int]  # a process's number from 0, and how many there are

WHOLE: Share = (0, 1)


def build_loader(
    dataset: Dataset[tuple[Tensor, int]],
    config: DataConfig,
    *,
    shuffle_seed: int | None = None,
    share: Share = WHOLE,
) -> DataLoader[tuple[Tensor, int]]:
    """Build a loader, in the records' order or shuffled by a seed of its own.

    The order is drawn here, not by a sampler, so that it does not depend on how often the loader is iterated.
    Shuffled, it can give a process's share: all are equally long and no film is in two.
    A training batch of one film cannot be normalised over, so a shuffled loader drops such a rest.
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
        worker_init_fn=_one_thread,
        generator=torch.Generator().manual_seed(0),  # or each loader draws from torch's own, and shifts dropout
        pin_memory=torch.cuda.is_available(),
    )


def _one_thread(_worker: int) -> None:
    """Keep OpenCV from starting threads in a loader process: there are several, and a forked pool can hang."""
    cv2.setNumThreads(0)


def mix_seed(*numbers: int) -> int:
    """Return one 32-bit seed out of several numbers, such that neighbours give unlike seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def share_by_film(records: Sequence[Record], seed: int) -> list[Record]:
    """Choose about as many records as there are, of each film equally many; return them in their order.

    A film's files take turns in an order drawn with seed: none comes again before all have come.
    """
    rng = np.random.default_rng(seed)
    numbers: dict[str, list[int]] = {}
    for i in rng.permutation(len(records)).tolist():
        numbers.setdefault(records[i].film, []).append(i)
    turns = max(1, round(len(records) / max(1, len(numbers))))
    return [records[i] for i in sorted(files[turn % len(files)] for files in numbers.values() for turn in range(turns))]


def class_weights(records: Sequence[Record], classes: Sequence[str]) -> Tensor:
    """Return (C,) float32 weights, inverse to each class's share of the files and 1 on average over files.

    Raises:
        DataError: a class has no file among the records.
    """
    counts = [sum(r.label == name for r in records) for name in classes]
    if 0 in counts:
        raise DataError(
            f"class {classes[counts.index(0)]!r} has no training film; expected some of every class; split again"
        )
    return torch.tensor([len(records) / (len(classes) * count) for count in counts])
