"""Read each file of a data set once: bytes, size, status, facts, DICOM ids, and features to recognise copies by."""

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
from joblib import delayed

from fxkit.data.manifest import OK
from fxkit.index.cache import Reading, Store
from fxkit.index.copies.features import Features, features_of
from fxkit.index.dicom import read_ids
from fxkit.index.facts import facts_of
from preprocess.errors import ImageError, WorkerError
from preprocess.files import SETTLED_S, file_state, has_hash
from preprocess.image_files import read_bytes
from preprocess.images import decode_image, to_grey8
from preprocess.workers import run_tasks

COMMIT_EVERY = 256  # files

READING_VERSION = 2  # Raise this when files are read or refused differently: caches then read them again.

MISSING_EXTRA = "needs the extra"  # in the status of a file that can be read once a package is installed


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
    readings = _known_readings(store, root, states, jobs, features=features)
    new = [path for path in paths if path not in readings]
    done = len(paths) - len(new)
    if progress and done:
        progress(done, len(paths))
    tasks = (delayed(read_file)(root.absolute(), path, max_pixels, features) for path in new)
    results = run_tasks(jobs, tasks)
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


def _known_readings(
    store: Store, root: Path, states: Mapping[str, str], jobs: int, *, features: bool
) -> dict[str, Reading]:
    """Return the readings of the files that need not be read again.

    A file with another state may have the same content: it was copied, or an older version wrote the cache. Its hash
    decides, which takes less time than to decode it.
    """
    with_features = store.known() if features else frozenset()
    known = {
        path: (state, reading)
        for path, (state, reading) in store.readings().items()
        if path in states and MISSING_EXTRA not in reading.status
        if reading.status != OK or not features or reading.sha256 in with_features
    }
    readings = {
        path: reading
        for path, (state, reading) in known.items()
        if state == states[path] and (" c" in state or reading.status != OK)
    }
    unsure = [path for path, (state, _) in known.items() if path not in readings and _may_be_same(state, states[path])]
    hashed = run_tasks(jobs, (delayed(has_hash)(root.absolute() / path, known[path][1].sha256) for path in unsure))
    for path in (path for path, is_same in zip(unsure, hashed, strict=True) if is_same):
        readings[path] = known[path][1]
        store.set_state(path, states[path])
    return readings


def _state(path: Path, max_pixels: int) -> str:
    """Return a text that changes when the file, the limit or the way of reading changes; "?" for a missing file.

    The time of the last change of the inode comes last, after a letter, because older caches have none. It is left out
    for a file that changed a moment ago, which could change again within the same time.
    """
    try:
        state = file_state(path)
    except OSError:
        return "?"
    text = f"{state.size_bytes} {state.modified_ns} {state.inode} {max_pixels} {READING_VERSION}"
    return f"{text} c{state.changed_ns}" if state.age_s >= SETTLED_S else text


def _may_be_same(state: str, other: str) -> bool:
    """Return whether two states have the same size of the file, limit and way of reading."""
    one, two = ([part for part in text.split() if part[0] != "c"] for text in (state, other))
    return one[:1] + one[3:] == two[:1] + two[3:]


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
