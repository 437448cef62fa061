"""Several folders as one data set: each is a site, named like its folder."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.data.scan import Scan, scan, some
from fxkit.errors import DataError


def scan_roots(roots: Sequence[Path]) -> Scan:
    """List the files of several folders; paths are relative to the folder that holds them all.

    Raises:
        DataError: one is no folder or lies in another, two have the same name, they share only the file system's
            top, or one cannot be used by itself.
    """
    _check_roots(roots)
    parent = _parent(roots)
    scans = [(root, scan(root)) for root in sorted(roots, key=lambda root: root.absolute().as_posix())]
    found = [
        replace(file, path=f"{folder}/{file.path}", site=root.resolve().name, folder=folder)
        for root, part in scans
        for folder in [os.path.relpath(root.resolve(), parent).replace(os.sep, "/")]
        for file in part.found
    ]
    notes = [f"{root.resolve().name}: {note}" for root, part in scans for note in part.notes]
    found.sort(key=lambda file: file.path)
    return Scan(parent, tuple(found), (*notes, *_other_classes(scans)))


def _check_roots(roots: Sequence[Path]) -> None:
    for root in roots:
        if not root.is_dir():
            what = "a file" if root.exists() else "not there"
            raise DataError(
                f"{root}: {what}, among several to index; expected folders, each of one site; give a CSV file alone, "
                "with a column site"
            )
    names = Counter(root.resolve().name for root in roots)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise DataError(
            f"{some([str(root) for root in roots if root.resolve().name == twice[0]])}: folders of the same name "
            f"{twice[0]!r}; expected another for each site; rename one"
        )
    for inner in roots:
        for outer in roots:
            if inner is not outer and inner.resolve().is_relative_to(outer.resolve()):
                raise DataError(f"{inner}: lies in {outer}; expected folders apart from each other; leave one out")


def _parent(roots: Sequence[Path]) -> Path:
    try:
        parent = Path(os.path.commonpath([root.resolve() for root in roots]))
    except ValueError:  # on two drives
        parent = Path(roots[0].resolve().anchor)
    if parent == Path(parent.anchor):
        raise DataError(
            f"{some([str(root) for root in roots])}: no folder holds them all but {parent}; expected sites side by "
            "side; move or link them into one folder"
        )
    return parent


def _other_classes(scans: Sequence[tuple[Path, Scan]]) -> list[str]:
    classes = {root.resolve().name: sorted({file.label for file in part.found}) for root, part in scans}
    if len({tuple(labels) for labels in classes.values()}) == 1:
        return []
    told = "; ".join(f"{site}: {some(labels)}" for site, labels in classes.items())
    return [f"WARNING: the sites have different classes ({told}); are some the same under two names?"]
