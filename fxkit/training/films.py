"""The films that a training run reads: its classes, and a loader for each epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor
from torch.utils.data import DataLoader

from fxkit.config import AugmentConfig, Config
from fxkit.data.dataset import (
    SINGLE_PROCESS,
    DatasetOptions,
    FilmDataset,
    ProcessShare,
    build_loader,
    sample_films_evenly,
    training_weights,
)
from fxkit.data.film_cache import FilmCache, open_film_cache
from fxkit.data.image_root import ImageRoot
from fxkit.data.manifest import Record, usable
from fxkit.data.positive import order_classes
from fxkit.data.preprocessing import Preprocessing
from fxkit.data.seeds import mix_seed
from fxkit.errors import DataError
from preprocess.settings import read_clean_settings

Phase = Literal["head", "finetune"]

PHASES: tuple[Phase, Phase] = ("head", "finetune")


@dataclass(frozen=True)
class Films:
    """The films of a training run.

    Loaders are built again for each epoch from the seed, the phase and the epoch alone. A resumed run therefore sees
    the same batches as a run that was never stopped.

    Attributes:
        images: where the image files are.
        classes: names in index order.
        cache_folder: folder for decoded films, shared by the runs of one folder; None: no cache.
    """

    config: Config
    images: ImageRoot
    records: tuple[Record, ...]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    cache_folder: Path | None = None

    def train_loader(
        self, phase: Phase, epoch: int, share: ProcessShare = SINGLE_PROCESS
    ) -> DataLoader[tuple[Tensor, int]]:
        """Build the training loader of one process for an epoch.

        No file is in two processes' shares. Files that do not divide evenly among the processes are left out.
        """
        dataset = self.training_dataset(phase, epoch)
        return build_loader(dataset, self.config.data, shuffle_seed=dataset.options.seed, share=share)

    def training_dataset(self, phase: Phase, epoch: int | None) -> FilmDataset:
        """Return the training films with the augmentation of an epoch; with epoch None, without augmentation."""
        if epoch is None:
            return self._dataset(self._select("train", 0), None, 0)
        seed = self.seed(phase, epoch)
        augmentation = self.config.augment if self.config.augment.enabled else None
        return self._dataset(self._select("train", seed), augmentation, seed)

    def val_loader(self, share: ProcessShare = SINGLE_PROCESS) -> DataLoader[tuple[Tensor, int]]:
        """Build the validation loader of one process.

        All processes take the same number of steps. If the files do not divide evenly, some processes get one more
        file with label -1, which no score counts.
        """
        rank, processes = share
        records = self._select("val", 0)
        padding = [replace(r, label="") for r in records[: -len(records) % processes]]
        return build_loader(self._dataset([*records, *padding][rank::processes], None, 0), self.config.data)

    def weights(self) -> Tensor:
        """Return (C,) float32 class weights, inversely proportional to class frequency; all 1 without weighting."""
        return training_weights(self.config.optim, usable(self.records, "train"), self.classes)

    def seed(self, phase: Phase, epoch: int, *numbers: int) -> int:
        """Return the seed of an epoch's random numbers; each choice of `numbers` gives another seed."""
        return mix_seed(self.config.seed, PHASES.index(phase), epoch, *numbers)

    def _select(self, split: str, seed: int) -> list[Record]:
        """Return the records of a split; with film weights, a seeded choice in which each film is equally frequent."""
        records = usable(self.records, split)
        return sample_films_evenly(records, seed) if self.config.optim.film_weights else records

    def _dataset(self, records: Sequence[Record], augmentation: AugmentConfig | None, seed: int) -> FilmDataset:
        return FilmDataset(
            self.images,
            records,
            self.classes,
            self.preprocessing,
            DatasetOptions(augmentation, seed, self.config.data.max_pixels, self._cache()),
        )

    def _cache(self) -> FilmCache | None:
        if self.cache_folder is None:
            return None
        return open_film_cache(self.cache_folder, self.config.data.cache_bytes, self.config.data.workers)


def check_records(
    records: Sequence[Record], splits: Sequence[str] = ("train", "val"), *, positive: str | None = None
) -> tuple[str, ...]:
    """Return the classes in index order.

    Args:
        positive: the positive class, as in `order_classes`.
    Raises:
        ConfigError: the positive class is none of two classes.
        DataError: there are fewer than two classes, or one of the splits has no usable film of a class.
    """
    classes = order_classes((r.label for r in usable(records)), positive)
    if len(classes) < 2:
        raise DataError(f"found {len(classes)} class ({', '.join(classes)}); expected two or more; check the folders")
    for split in splits:
        present = {r.label for r in usable(records, split)}
        missing = [name for name in classes if name not in present]
        if missing:
            raise DataError(
                f"split {split!r} has no usable film of class {missing[0]!r}; expected films of every class; "
                "split again with `fxkit index`"
            )
    return classes


def read_cleaning(root: Path) -> dict[str, Any] | None:
    """Return the settings with which `clean-labels` made the films of a folder; None if it did not make them."""
    settings = read_clean_settings(root)
    return None if settings is None else settings.model_dump()
