"""Find films of other data that a run was trained on, by the SHA-256 of their files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fxkit.config import Config
from fxkit.data.manifest import Record, read_manifest, usable, write_manifest
from fxkit.errors import DataError
from fxkit.models.run_folder import Run, open_run
from preprocess.ledger import read_ledger_if_any
from preprocess.words import amount

PRETRAINING_FILE = "pretraining.csv"  # in a run folder: films of the run that its backbone weights come from

DIGEST_LENGTH = 64  # characters of a SHA-256 in hexadecimal


@dataclass(frozen=True)
class Overlap:
    """How many of the given files were in train or val of a run, or of a run that its backbone weights come from."""

    files: int  # same bytes as a training file, before or after cleaning
    films: int  # films of these files
    known: bool = True  # False if the run has no SHA-256 of its films, as after `fxkit push`

    @property
    def text(self) -> str:
        """The overlap in words; "" if there is none."""
        if not self.files:
            return ""
        return (
            f"{amount(self.files, 'file')} ({amount(self.films, 'film')}) "
            f"{'is' if self.files == 1 else 'are'}, apart from cleaning, training or validation files of this "
            "run or of a run that its backbone weights come from"
        )

    @property
    def note(self) -> str:
        """A note if the overlap is unknown; else ""."""
        if self.known:
            return ""
        return (
            "unknown whether the training has seen these films: the model was shared without the SHA-256 of its films "
            "(`fxkit push --with-hashes` includes them)"
        )


def overlap_with_training(run: Run, other: Sequence[Record], root: Path) -> Overlap:
    """Count the files of other data that a run was trained on: the same bytes, before or after cleaning.

    Args:
        other: records of the other data.
        root: folder of the other data.
    """
    training = list_training_films(run)
    seen = {r.sha256 for r in training} - {""}
    shared = [r.film for r, digest in zip(other, _source_hashes(root, other), strict=True) if digest in seen]
    return Overlap(len(shared), len(set(shared)), known=has_hashes(training) or not training)


def list_training_films(run: Run) -> list[Record]:
    """Return the train and val records of a run and of the runs that its backbone weights come from.

    The SHA-256 of a cleaned file is replaced by that of its source.
    """
    records = [r for r in usable(run.records) if r.split in ("train", "val")]
    hashes = _source_hashes(run.root, records)
    pretraining = run.folder / PRETRAINING_FILE
    return [replace(r, sha256=digest) for r, digest in zip(records, hashes, strict=True)] + (
        list(read_manifest(pretraining)) if pretraining.is_file() else []
    )


def has_hashes(records: Iterable[Record]) -> bool:
    """Tell whether any record has a SHA-256. `fxkit push` replaces them with numbers unless told otherwise."""
    return any(len(record.sha256) == DIGEST_LENGTH for record in records)


def _source_hashes(root: Path, records: Sequence[Record]) -> list[str]:
    """Return the SHA-256 of each record's file, or of its source if root is a cleaned folder."""
    sources = {row.output_sha256: row.sha256 for row in read_ledger_if_any(root).values()}
    return [sources.get(r.sha256, r.sha256) for r in records]


def find_pretraining_run(config: Config) -> Run | None:
    """Return the run that the backbone weights come from; None if model.weights is unset or a file.

    Raises:
        RunError: model.weights is a folder but not a run folder.
    """
    folder = config.model.weights
    return open_run(folder) if folder is not None and Path(folder).is_dir() else None


def check_pretraining_overlap(config: Config, root: Path, records: Sequence[Record]) -> None:
    """Refuse backbone weights from a run that was trained on val or test files of this manifest.

    Only the same bytes count, before or after cleaning; other copies of a film are not searched.

    Args:
        root: folder of the images.
    Raises:
        DataError: that run was trained on files of val or test.
    """
    pretraining = find_pretraining_run(config)
    if pretraining is None:
        return
    overlap = overlap_with_training(pretraining, [r for r in usable(records) if r.split in ("val", "test")], root)
    if overlap.files:
        raise DataError(
            f"--weights {pretraining.folder}: {amount(overlap.files, 'file')} "
            f"({amount(overlap.films, 'film')}) of val and test {'was' if overlap.files == 1 else 'were'} in "
            "its training set; expected weights trained on none of them; train that run on other films, or on this "
            "manifest"
        )


def write_pretraining_films(folder: Path, config: Config) -> None:
    """Write the films that a run's backbone weights were trained on into its folder, for `overlap_with_training`."""
    pretraining = find_pretraining_run(config)
    if pretraining is not None:
        write_manifest(folder / PRETRAINING_FILE, list_training_films(pretraining))
