"""How much of other data the training of a run has seen, by the bytes of the files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fxkit.config import Config
from fxkit.data.manifest import Record, read_manifest, usable, write_manifest
from fxkit.errors import DataError
from fxkit.models.run_folder import Run, open_run
from preprocess.ledger import ledger_of

LEARNT_BEFORE = "pretraining.csv"  # in a run folder: what its backbone learnt before, in another run

DIGEST_LENGTH = 64  # of a SHA-256 in hexadecimal


@dataclass(frozen=True)
class Overlap:
    """How much of other data the training (train or val) has seen, and that of runs whose backbone it went on from."""

    files: int  # byte-identical to a training file, or to what it was cleaned from
    films: int  # those files' films
    known: bool = True  # False where the run does not tell its films' bytes, as after `fxkit push`

    @property
    def text(self) -> str:
        """Say what was seen; "" where nothing was."""
        if not self.files:
            return ""
        return (
            f"{self.files} files ({self.films} films) are, but for cleaning, training or validation files of this run "
            "or of one that it went on from"
        )

    @property
    def note(self) -> str:
        """Say that it cannot be told; "" where it can."""
        return (
            ""
            if self.known
            else "whether training has seen these films cannot be told: the model came without its films' SHA-256 "
            "(`fxkit push --with-hashes` passes them on)"
        )


def overlap_with_training(run: Run, other: Sequence[Record], root: Path) -> Overlap:
    """Count the other records, below root, that training has learnt: the same bytes, or cleaned."""
    learnt = learnt_by(run)
    seen = {r.sha256 for r in learnt} - {""}
    shared = [r.film for r, digest in zip(other, _source_hashes(root, other), strict=True) if digest in seen]
    return Overlap(len(shared), len(set(shared)), known=has_hashes(learnt) or not learnt)


def learnt_by(run: Run) -> list[Record]:
    """Return train and val of a run and of those that it went on from, with the SHA-256 of what was cleaned."""
    own = [r for r in usable(run.records) if r.split in ("train", "val")]
    hashes = _source_hashes(run.root, own)
    before = run.folder / LEARNT_BEFORE
    return [replace(r, sha256=digest) for r, digest in zip(own, hashes, strict=True)] + (
        list(read_manifest(before)) if before.is_file() else []
    )


def has_hashes(records: Iterable[Record]) -> bool:
    """Tell whether any record has a SHA-256; `fxkit push` puts numbers in their place."""
    return any(len(record.sha256) == DIGEST_LENGTH for record in records)


def _source_hashes(root: Path, records: Sequence[Record]) -> list[str]:
    """Return each record's SHA-256, that of the source where root holds what cleaning made of it."""
    sources = {row.output_sha256: row.sha256 for row in ledger_of(root).values()}
    return [sources.get(r.sha256, r.sha256) for r in records]


def source_run(config: Config) -> Run | None:
    """Return the run that the backbone's weights come from; None where they come from elsewhere.

    Raises:
        RunError: model.weights is a folder, but no run's.
    """
    folder = config.model.weights
    return open_run(folder) if folder is not None and Path(folder).is_dir() else None


def refuse_learnt(config: Config, root: Path, records: Sequence[Record]) -> None:
    """Refuse to go on from a run that has learnt files which this one is judged by; copies of them are not looked for.

    Raises:
        DataError: files of val or test, below root, were in that run's training.
    """
    source = source_run(config)
    if source is None:
        return
    seen = overlap_with_training(source, [r for r in usable(records) if r.split in ("val", "test")], root)
    if seen.files:
        raise DataError(
            f"--weights {source.folder}: {seen.files} files ({seen.films} films) of val and test were in its training; "
            "expected weights that have seen none of them; train that run on other films, or on this manifest"
        )


def keep_learnt(folder: Path, config: Config) -> None:
    """Leave in a run folder which files its backbone learnt before, for `overlap_with_training`."""
    source = source_run(config)
    if source is not None:
        write_manifest(folder / LEARNT_BEFORE, learnt_by(source))
