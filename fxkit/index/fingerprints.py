"""The fingerprints of a run's films: one file in the run folder, by which copies in other data are recognised.

The file holds no grey values, no names and no paths. But whoever has a film can tell from it that the film was in the
run, as from a SHA-256. `fxkit push` therefore shares it only together with the SHA-256.
"""

import io
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits

from fxkit.data.manifest import Record
from fxkit.errors import RunError
from fxkit.index.copies.candidates import find_candidates
from fxkit.index.copies.compare import compare_films
from fxkit.index.copies.features import features_of
from fxkit.index.copies.fingerprint import (
    CERTAIN,
    CODE_BYTES,
    DOUBTFUL,
    FINGERPRINT_VERSION,
    Agreement,
    Fingerprint,
    compare_fingerprints,
    fingerprint_of,
)
from fxkit.index.copies.grow import STRONG, score
from fxkit.models.training_films import FINGERPRINTS_FILE
from preprocess.errors import ImageError
from preprocess.files import write_atomic
from preprocess.image_files import MAX_PIXELS, read_bytes
from preprocess.images import decode_image, to_grey8

COMPARED = 6  # likeliest films that a film is compared with

Fingerprints = Mapping[str, Fingerprint]  # by a name of the film; in a run folder, the SHA-256 of its source file


def choose_files(records: Sequence[Record], digests: Sequence[str]) -> dict[str, str]:
    """Choose the largest file of each film; return its path by its digest.

    Args:
        digests: SHA-256 of the source of each record's file; "" if unknown, and then the file is left out.
    """
    largest: dict[str, tuple[int, str, str]] = {}
    for record, digest in zip(records, digests, strict=True):
        size = record.width * record.height
        if digest and (record.film not in largest or size > largest[record.film][0]):
            largest[record.film] = (size, record.path, digest)
    return {digest: path for _, path, digest in largest.values()}


def compute_fingerprints(files: Mapping[str, Path], max_pixels: int = MAX_PIXELS) -> dict[str, Fingerprint]:
    """Return the fingerprint of each file under its name; files that are missing or unreadable are left out."""
    tasks = [delayed(_read_fingerprint)(file, max_pixels) for file in files.values()]
    films = Parallel(n_jobs=cpu_count(), prefer="threads")(tasks)  # OpenCV releases the interpreter's lock
    return {name: film for name, film in zip(files, films, strict=True) if film is not None}


def _read_fingerprint(file: Path, max_pixels: int) -> Fingerprint | None:
    cv2.setNumThreads(1)
    try:
        return fingerprint_of(to_grey8(decode_image(file, read_bytes(file), max_pixels=max_pixels)))
    except ImageError:
        return None


def write_fingerprints(folder: Path, fingerprints: Fingerprints) -> None:
    """Write fingerprints into a run folder."""
    films = list(fingerprints.values())
    columns = {
        "version": np.array(FINGERPRINT_VERSION),
        "sha256": np.array([*fingerprints], "S64"),
        "counts": np.array([len(film.codes) for film in films], np.uint16),
        "places": np.concatenate([np.zeros((0, 2), np.uint16), *(film.places for film in films)]),
        "shapes": np.concatenate([np.zeros((0, 2), np.uint8), *(film.shapes for film in films)]),
        "codes": np.concatenate([np.zeros((0, CODE_BYTES), np.uint8), *(film.codes for film in films)]),
    }
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **columns)
    write_atomic(folder / FINGERPRINTS_FILE, out.getvalue())


def read_fingerprints(folder: Path) -> dict[str, Fingerprint] | None:
    """Read the fingerprints of a run folder; None if it has none, or those of another version.

    Raises:
        RunError: the file is damaged.
    """
    file = folder / FINGERPRINTS_FILE
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as columns:
            if int(columns["version"]) != FINGERPRINT_VERSION:
                return None
            names = [name.decode("ascii") for name in columns["sha256"].tolist()]
            ends = np.cumsum(columns["counts"].astype(np.int64))
            parts = [np.split(columns[key], ends)[:-1] for key in ("places", "shapes", "codes")]
        films = [Fingerprint(*arrays) for arrays in zip(*parts, strict=True)]
        if any(film.places.shape[1:] != (2,) or film.codes.shape[1:] != (CODE_BYTES,) for film in films):
            raise ValueError("wrong shapes")
        return dict(zip(names, films, strict=True))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{file}: cannot be read ({type(error).__name__}: {error}); delete it: fxkit evaluate writes it again if "
            "the training films are still there"
        ) from error


def match_fingerprints(
    others: Fingerprints, known: Fingerprints, other_files: Mapping[str, Path], known_files: Mapping[str, Path]
) -> dict[str, str]:
    """Find the films of other data that are copies of known films.

    Args:
        others, known: fingerprints by name.
        other_files, known_files: files by the same names. Where both are there, they decide in doubtful cases.
    Returns:
        name of a film of the other data -> name of the known film that it is a copy of.
    """
    names, paths = [*known], [*others]
    if not names or not paths:
        return {}
    prints = [*known.values(), *others.values()]
    asking = range(len(names), len(prints))
    likeliest = defaultdict(list)
    for low, high, votes in find_candidates((film.descriptors for film in prints), cpu_count(), asking):
        likeliest[high].append((votes, low))
    matches = {}
    with threadpool_limits(1):  # the arrays are small, so threads only cost time
        for number, candidates in likeliest.items():
            other = paths[number - len(names)]
            chosen = [low for _, low in sorted(candidates, reverse=True)[:COMPARED]]
            results = [(compare_fingerprints(prints[number], prints[low]), names[low]) for low in chosen]
            agreement, film = max(results, key=lambda result: (result[0].points, result[1]))
            if _are_copies(agreement, other_files.get(other), known_files.get(film)):
                matches[other] = film
    return matches


def _are_copies(agreement: Agreement, first: Path | None, second: Path | None) -> bool:
    """Whether two files show one film: by the pixels of both files if they are there, else by the fingerprints."""
    if agreement.points < DOUBTFUL or agreement.points >= CERTAIN:
        return agreement.is_sure
    if first is None or second is None or not (first.is_file() and second.is_file()):
        return agreement.is_sure
    try:
        features = [features_of(to_grey8(decode_image(file, read_bytes(file)))) for file in (first, second)]
    except ImageError:
        return agreement.is_sure
    evidence = compare_films(*features)
    return evidence is not None and score(evidence) >= STRONG
