"""How much of other data the training of a run has seen, by the bytes of the files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fxkit.data.manifest import Record, usable
from fxkit.run import Run
from preprocess.ledger import ledger_of

DIGEST_LENGTH = 64  # of a SHA-256 in hexadecimal


@dataclass(frozen=True)
class Overlap:
    """How much of other data the training (train or val) has seen."""

    files: int  # byte-identical to a training file, or to what it was cleaned from
    films: int  # those files' films
    known: bool = True  # False where the run does not tell its films' bytes, as after `fxkit push`

    @property
    def text(self) -> str:
        """Say what was seen; "" where nothing was."""
        if not self.files:
            return ""
        return (
            f"{self.files} files ({self.films} films) are, but for cleaning, training or validation files of this run"
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
    """Count the other records, below root, that are a file of the run's train or val: the same bytes, or cleaned."""
    own = [r for r in usable(run.records) if r.split in ("train", "val")]
    seen = set(_source_hashes(run.root, own)) - {""}
    shared = [r.film for r, digest in zip(other, _source_hashes(root, other), strict=True) if digest in seen]
    return Overlap(len(shared), len(set(shared)), known=has_hashes(own) or not own)


def has_hashes(records: Iterable[Record]) -> bool:
    """Tell whether any record has a SHA-256; `fxkit push` puts numbers in their place."""
    return any(len(record.sha256) == DIGEST_LENGTH for record in records)


def _source_hashes(root: Path, records: Sequence[Record]) -> list[str]:
    """Return each record's SHA-256, that of the source where root holds what cleaning made of it."""
    sources = {row.output_sha256: row.sha256 for row in ledger_of(root).values()}
    return [sources.get(r.sha256, r.sha256) for r in records]
