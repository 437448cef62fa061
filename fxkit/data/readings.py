"""Read the files of a data set once: is each readable, how large, which bytes, and what it is recognised by."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
from joblib import Parallel, delayed

from fxkit.copies.features import Features, features_of
from fxkit.copies.store import Reading, Store
from fxkit.data.manifest import OK
from preprocess.errors import ImageError
from preprocess.images import read_image, to_grey8

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
    """
    known = store.readings()
    states = {path: _state(root / path, max_pixels) for path in paths}
    new = [path for path in paths if known.get(path, ("",))[0] != states[path]]
    readings = {path: known[path][1] for path in paths if path in known}
    done = len(paths) - len(new)
    if progress and done:
        progress(done, len(paths))
    tasks = (delayed(_read)(root / path, max_pixels) for path in new)
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
    return f"{stat.st_size} {stat.st_mtime_ns} {max_pixels}"


def _read(path: Path, max_pixels: int) -> tuple[Reading, Features | None]:
    cv2.setNumThreads(1)
    try:
        image = read_image(path, max_pixels=max_pixels)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (ImageError, OSError) as error:
        reason = " ".join(str(error).removeprefix(f"{path}: ").split())
        return Reading("", 0, 0, reason), None
    return Reading(digest, image.shape[1], image.shape[0], OK), features_of(to_grey8(image))
