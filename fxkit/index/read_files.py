"""Read each file of a data set once: bytes, size, status, facts, DICOM ids, and features to recognise copies by."""

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
from joblib import Parallel, delayed

from fxkit.data.manifest import OK
from fxkit.index.cache import Reading, Store
from fxkit.index.copies.features import Features, features_of
from fxkit.index.dicom import read_ids
from fxkit.index.facts import facts_of
from preprocess.errors import ImageError, WorkerError
from preprocess.image_files import read_bytes
from preprocess.images import decode_image, to_grey8

COMMIT_EVERY = 256  # files

READING_VERSION = 2  # Raise this when files are read or refused differently: caches then read them again.


def read_files(
    store: Store,
    root: Path,
    paths: Sequence[str],
    max_pixels: int,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    *,
    features: bool = True,
) -> list[Reading]:
    """Return the readings of files, in order; read only the files that are new to the store or have changed.

    Args:
        store: takes the new readings and features.
        root: folder that the paths are relative to.
        max_pixels: larger images are unreadable.
        jobs: number of processes.
        progress: called with the number of files done and the total number.
        features: compute the features to recognise copies by; files that were read without them are read again.
    Raises:
        WorkerError: a machine of a cluster does not see the folder.
    """
    states = {path: _state(root / path, max_pixels) for path in paths}
    readings = _known_readings(store, states, features)
    new = [path for path in paths if path not in readings]
    done = len(paths) - len(new)
    if progress and done:
        progress(done, len(paths))
    tasks = (delayed(read_file)(root.absolute(), path, max_pixels, features) for path in new)
    results = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    for path, (reading, film_features) in zip(new, results, strict=True):
        store.add_file(path, states[path], reading, film_features)
        readings[path] = reading
        done += 1
        if done % COMMIT_EVERY == 0:
            store.commit()
        if progress:
            progress(done, len(paths))
    store.commit()
    return [readings[path] for path in paths]


def _known_readings(store: Store, states: Mapping[str, str], features: bool) -> dict[str, Reading]:
    """Return the readings of the files that need not be read again."""
    known, with_features = store.readings(), store.known()
    unchanged = {path: known[path][1] for path, state in states.items() if path in known and known[path][0] == state}
    if not features:
        return unchanged
    return {path: r for path, r in unchanged.items() if r.status != OK or r.sha256 in with_features}


def _state(path: Path, max_pixels: int) -> str:
    """Return a text that changes when the file, the limit or the way of reading changes; "?" for a missing file."""
    try:
        stat = path.stat()
    except OSError:
        return "?"
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino} {max_pixels} {READING_VERSION}"


def read_file(root: Path, path: str, max_pixels: int, features: bool = True) -> tuple[Reading, Features | None]:
    """Read and decode the file root / path once; return its reading, and its features if they are wanted.

    Raises:
        WorkerError: this machine has no such root folder.
    """
    cv2.setNumThreads(1)
    full_path = root / path
    try:
        data = read_bytes(full_path)
        image = decode_image(full_path, data, max_pixels=max_pixels)
        facts, ids = facts_of(path, data, image), read_ids(full_path, data)
    except ImageError as error:
        if not root.is_dir():
            raise WorkerError(
                f"{root}: worker {platform.node()} does not see this folder; all machines of a cluster must share the "
                "folders of films, under the same paths"
            ) from error
        return Reading("", 0, 0, " ".join(str(error).removeprefix(f"{full_path}: ").split())), None
    reading = Reading(hashlib.sha256(data).hexdigest(), image.shape[1], image.shape[0], OK, facts, ids)
    return reading, features_of(to_grey8(image)) if features else None
