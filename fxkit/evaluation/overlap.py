"""Compare other data with the films of a run by bytes, pixels and patients: no training film may count as a test."""

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fxkit.config import Config
from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError
from fxkit.index.copies.fingerprint import Fingerprint
from fxkit.index.fingerprints import (
    choose_files,
    compute_fingerprints,
    match_fingerprints,
    read_fingerprints,
    write_fingerprints,
)
from fxkit.models.run_folder import Results, Run
from fxkit.models.training_films import (
    Overlap,
    SeenFile,
    count_overlap,
    find_pretraining_run,
    find_seen_files,
    has_hashes,
    list_pretraining_films,
    list_training_films,
    source_hashes,
)
from preprocess.errors import ImageError, OutputError
from preprocess.files import sha256_of, write_atomic
from preprocess.image_files import MAX_PIXELS
from preprocess.ledger import read_ledger_if_any
from preprocess.listing import image_paths
from preprocess.words import amount

SEEN_FILES = "seen_files.csv"  # in a folder of other data: the files that are not new to the run


@dataclass(frozen=True)
class Comparison:
    """The files of other data that are not new to a run, and their counts."""

    seen: tuple[SeenFile, ...]
    overlap: Overlap


@dataclass(frozen=True)
class _KnownFilms:
    """Fingerprints and files of a run's films, by the SHA-256 of their sources.

    Attributes:
        files: those that are still there.
        is_complete: whether every training film that can be read has a fingerprint.
    """

    fingerprints: dict[str, Fingerprint]
    files: dict[str, Path]
    is_complete: bool


def compare_with_run(
    run: Results, other: Sequence[Record], root: Path, *, trained_on: Path | None = None
) -> Comparison:
    """Compare other data with all films of a run.

    Pixels are compared with the fingerprints in the run folder. If it has none, as after a training by an older
    version, they are computed from the training films, where these are still there, and kept in the run folder.

    Args:
        other: records of the other data.
        root: folder of the other data; Path() if they are not at hand.
        trained_on: folder with the training films, for a run without fingerprints whose films were moved.
    """
    max_pixels, at_hand = _max_pixels(run), root != Path()
    known = _find_known_films(run, trained_on, max_pixels)
    copies = _find_copies(known, other, root, max_pixels) if at_hand else {}
    seen = find_seen_files(run, other, root, copies)
    overlap = count_overlap(run, other, seen, pixels_compared=known.is_complete and at_hand)
    return Comparison(tuple(seen), overlap)


def _max_pixels(run: Results) -> int:
    return run.config.data.max_pixels if isinstance(run, Run) else MAX_PIXELS


def write_seen_files(folder: Path, seen: Sequence[SeenFile]) -> None:
    """Write the files of other data that are not new to the run as a CSV file, or delete an earlier list."""
    if not seen:
        (folder / SEEN_FILES).unlink(missing_ok=True)
        return
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(("path", "film", "patient", "evidence", "part"))
    writer.writerows((s.record.path, s.record.film, s.record.patient, s.evidence, s.part) for s in seen)
    write_atomic(folder / SEEN_FILES, out.getvalue())


def write_run_fingerprints(folder: Path, root: Path, records: Sequence[Record], config: Config) -> None:
    """Compute the fingerprints of a run's films and write them into its folder, with those of its pretraining run."""
    earlier = find_pretraining_run(config)
    fingerprints = (read_fingerprints(earlier.folder) or {}) if earlier else {}
    fingerprints |= compute_fingerprints(_list_files(root.resolve(), records), config.data.max_pixels)
    write_fingerprints(folder, fingerprints)


def check_pretraining_overlap(config: Config, root: Path, records: Sequence[Record]) -> None:
    """Refuse backbone weights from a run that was trained on val or test films or patients of this manifest.

    Args:
        root: folder of the images.
    Raises:
        DataError: that run was trained on films of val or test.
    """
    earlier = find_pretraining_run(config)
    if earlier is None:
        return
    held_out = [r for r in usable(records) if r.split in ("val", "test")]
    overlap = compare_with_run(earlier, held_out, root).overlap
    if overlap.leaks:
        files = [(overlap.files, "by their bytes"), (overlap.copies, "by their pixels")]
        files += [(overlap.patient_files, "by their patients")]
        ways = ", ".join(f"{n} {way}" for n, way in files if n)
        total = amount(sum(n for n, _ in files), "file")
        raise DataError(
            f"--weights {earlier.folder}: {total} of val and test were in its training set ({ways}); expected weights "
            "trained on none of them; train that run on other films, or on this manifest"
        )


def _list_files(root: Path, records: Sequence[Record]) -> dict[str, Path]:
    """Return one file of each film that is still there, by the SHA-256 of its source."""
    if not root.is_absolute():
        return {}  # a shared model does not know where its films were
    images, files = open_image_root(root), dict[str, Path]()
    for digest, path in _choose_films(root, records).items():
        with suppress(ImageError):
            files[digest] = images.find(path)
    return files


def _choose_films(root: Path, records: Sequence[Record]) -> dict[str, str]:
    """Return the path of one file of each film of the three splits, by the SHA-256 of its source."""
    divided = [r for r in usable(records) if r.split]
    return choose_files(divided, source_hashes(root, divided))


def _find_known_films(run: Results, trained_on: Path | None, max_pixels: int) -> _KnownFilms:
    files, known = _list_files(run.root, run.records), read_fingerprints(run.folder) or {}
    if _covers_training(run, known):
        return _KnownFilms(known, files, is_complete=True)
    if trained_on is not None:
        files |= _hash_films(trained_on)
    missing = {digest: file for digest, file in files.items() if digest not in known}
    known |= compute_fingerprints(missing, max_pixels)
    is_complete = _covers_training(run, known)
    if is_complete and has_hashes(run.records):
        with suppress(OutputError):  # the run folder may be read-only
            write_fingerprints(run.folder, known)
    return _KnownFilms(known, files, is_complete)


def _hash_films(folder: Path) -> dict[str, Path]:
    """Return the images in a folder by the SHA-256 of their sources: the file itself, if the folder is not cleaned."""
    sources = {row.output_sha256: row.sha256 for row in read_ledger_if_any(folder).values()}
    digests = {path: sha256_of(folder / path) for path in image_paths(folder)}
    return {sources.get(digest, digest): folder / path for path, digest in digests.items()}


def _covers_training(run: Results, fingerprints: Mapping[str, Fingerprint]) -> bool:
    """Whether there is a fingerprint of each training film, also of those that the backbone weights were trained on.

    Without the SHA-256 of the films, as in a shared model, only their number is known.
    """
    training, pretraining = list_training_films(run), list_pretraining_films(run)
    if not has_hashes(training):
        return 0 < len({r.film for r in training}) <= len(fingerprints)
    parts = training[: len(training) - len(pretraining)], pretraining
    return all({r.film for r in part} == {r.film for r in part if r.sha256 in fingerprints} for part in parts)


def _find_copies(known: _KnownFilms, other: Sequence[Record], root: Path, max_pixels: int) -> dict[str, str]:
    """Return the path of each file of the other data that is a copy of a known film, with that film's SHA-256."""
    if not known.fingerprints:
        return {}
    images, files = open_image_root(root), dict[str, Path]()
    for path in choose_files(other, [r.path for r in other]):
        with suppress(ImageError):
            files[path] = images.find(path)
    fingerprints = compute_fingerprints(files, max_pixels)
    matches = match_fingerprints(fingerprints, known.fingerprints, files, known.files)
    film_of = {r.path: r.film for r in other}
    films = {film_of[path]: digest for path, digest in matches.items()}
    return {r.path: films[r.film] for r in other if r.film in films}
