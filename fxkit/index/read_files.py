"""Read the files of a data set once: is each readable, how large, which bytes, and what it is recognised by."""

import hashlib
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
from joblib import Parallel, delayed

from fxkit.data.manifest import OK
from fxkit.index.cache import Reading, Store
from fxkit.index.copies.features import Features, features_of
from fxkit.index.dicom import read_ids
from fxkit.index.facts import facts_of
from preprocess.errors import ImageError, WorkerError
from preprocess.images import decode_image, read_bytes, to_grey8

KEEP_EVERY = 256  # files, after which the store is written to disk


def read_files(
    store: Store,
    root: Path,
    paths: Sequence[str],
    max_pixels: int,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Reading]:
    """Read files that the store does not know as they are now; return the readings of all, in order.

    Args:
        progress: called with the number of files done and of all.
    Raises:
        WorkerError: a machine of a cluster does not see the folder.
    """
    known = store.readings()
    states = {path: _state(root / path, max_pixels) for path in paths}
    new = [path for path in paths if known.get(path, ("",))[0] != states[path]]
    readings = {path: known[path][1] for path in paths if path in known}
    done = len(paths) - len(new)
    if progress and done:
        progress(done, len(paths))
    tasks = (delayed(read_file)(root.absolute(), path, max_pixels) for path in new)
    results = iter(Parallel(n_jobs=jobs, return_as="generator")(tasks))
    for path, (reading, features) in zip(new, results, strict=True):
        store.add_file(path, states[path], reading, features)
        readings[path] = reading
        done += 1
        if done % KEEP_EVERY == 0:
            store.commit()
        if progress:
            progress(done, len(paths))
    store.commit()
    return [readings[path] for path in paths]


def _state(path: Path, max_pixels: int) -> str:
    """Name the file's present state; one that cannot be looked at is read anew each time."""
    try:
        stat = path.stat()
    except OSError:
        return "?"
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino} {max_pixels}"


def read_file(root: Path, path: str, max_pixels: int) -> tuple[Reading, Features | None]:
    """Read and decode the file at root / path once; tell all that the index and the data card need of it.

    Raises:
        WorkerError: there is no such root on this machine.
    """
    cv2.setNumThreads(1)
    place = root / path
    try:
        data = read_bytes(place)
        image = decode_image(place, data, max_pixels=max_pixels)
        facts, ids = facts_of(path, data, image), read_ids(place, data)
    except ImageError as error:
        if not root.is_dir():
            raise WorkerError(
                f"{root}: worker {platform.node()} does not see this folder; a cluster's machines must share the "
                "folders of films, under the same paths"
            ) from error
        return Reading("", 0, 0, " ".join(str(error).removeprefix(f"{place}: ").split())), None
    digest = hashlib.sha256(data).hexdigest()
    return Reading(digest, image.shape[1], image.shape[0], OK, facts, ids), features_of(to_grey8(image))
