"""What training is fed with: the loaders of an epoch, and the classes of a manifest's films."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fxkit.config import AugmentConfig, Config
from fxkit.data.dataset import (
    SINGLE_PROCESS,
    DatasetOptions,
    FilmDataset,
    ImageRoot,
    ProcessShare,
    build_loader,
    class_weights,
    mix_seed,
    sample_films_evenly,
)
from fxkit.data.film_cache import FilmCache, open_film_cache
from fxkit.data.manifest import Record, order_classes, usable
from fxkit.data.preprocessing import Preprocessing
from fxkit.errors import DataError

Phase = Literal["head", "finetune"]

PHASES: tuple[Phase, Phase] = ("head", "finetune")


@dataclass(frozen=True)
class Films:
    """What the loaders are built from, anew each epoch, so that a resumed run sees what an undisturbed one would."""

    config: Config
    place: ImageRoot
    records: tuple[Record, ...]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    cache_folder: Path | None = None  # of decoded films, shared by the runs beside each other

    def train_loader(
        self, phase: Phase, epoch: int, share: ProcessShare = SINGLE_PROCESS
    ) -> DataLoader[tuple[Tensor, int]]:
        """Build a process's share of an epoch; no item is in two, and what does not divide evenly is left out."""
        films = self.training_part(phase, epoch)
        return build_loader(films, self.config.data, shuffle_seed=films.options.seed, share=share)

    def training_part(self, phase: Phase, epoch: int | None) -> FilmDataset:
        """Return the training films as an epoch sees them, or without one as they are."""
        if epoch is None:
            return self._dataset(self._shown("train", 0), None, 0)
        seed = self.seed(phase, epoch)
        augmentation = self.config.augment if self.config.augment.enabled else None
        return self._dataset(self._shown("train", seed), augmentation, seed)

    def val_loader(self, share: ProcessShare = SINGLE_PROCESS) -> DataLoader[tuple[Tensor, int]]:
        """Build a process's share of the validation films.

        All processes take as many steps: where films do not divide evenly, some get one more, of label -1, that counts
        for nothing.
        """
        rank, processes = share
        records = self._shown("val", 0)
        filling = [replace(r, label="") for r in records[: -len(records) % processes]]
        return build_loader(self._dataset([*records, *filling][rank::processes], None, 0), self.config.data)

    def weights(self) -> Tensor:
        """Return the (C,) float32 weights of the classes: inverse to their share, or ones."""
        records = usable(self.records, "train")
        if self.config.optim.film_weights:
            records = list({r.film: r for r in records}.values())
        balanced = class_weights(records, self.classes)
        return balanced if self.config.optim.class_weights else torch.ones_like(balanced)

    def seed(self, phase: Phase, epoch: int, *more: int) -> int:
        """Return the seed of what an epoch draws."""
        return mix_seed(self.config.seed, PHASES.index(phase), epoch, *more)

    def _shown(self, split: str, seed: int) -> list[Record]:
        """Return a split's records, or with film weights those of them that an epoch shows."""
        records = usable(self.records, split)
        return sample_films_evenly(records, seed) if self.config.optim.film_weights else records

    def _dataset(self, records: Sequence[Record], augmentation: AugmentConfig | None, seed: int) -> FilmDataset:
        return FilmDataset(
            self.place,
            records,
            self.classes,
            self.preprocessing,
            DatasetOptions(augmentation, seed, self.config.data.max_pixels, self._cache()),
        )

    def _cache(self) -> FilmCache | None:
        if self.cache_folder is None:
            return None
        return open_film_cache(self.cache_folder, self.config.data.cache_bytes, self.config.data.workers)


def check_records(records: Sequence[Record], splits: Sequence[str] = ("train", "val")) -> tuple[str, ...]:
    """Return the classes, in index order.

    Raises:
        DataError: fewer than two classes, or a class without a film in one of the splits.
    """
    classes = order_classes(r.label for r in usable(records))
    if len(classes) < 2:
        raise DataError(f"found {len(classes)} class ({', '.join(classes)}); expected two or more; check the folders")
    for split in splits:
        present = {r.label for r in usable(records, split)}
        lacking = [name for name in classes if name not in present]
        if lacking:
            raise DataError(
                f"split {split!r} has no usable film of class {lacking[0]!r}; expected some of every class; "
                "split again with `fxkit index`"
            )
    return classes
