"""Find the films of a data set: class folders, split/class folders, or a CSV file. Nothing is decoded."""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from fxkit.data.groups import SPLIT_WORDS, drop_split_folder, split_from_path
from fxkit.errors import DataError
from preprocess.listing import image_paths, other_paths

LAYOUTS = (
    "expected CLASS/image folders, SPLIT/CLASS/image folders (split: train, val, test, or training, valid, "
    "testing and the like), or a CSV file with the columns path and label, and perhaps split, patient, site"
)


@dataclass(frozen=True)
class Found:
    """A file and what is said of it, before it is read."""

    path: str  # relative to the root, with /
    label: str
    split: str = ""  # train, val, test, or "" where nothing says it
    patient: str = ""
    site: str = ""
    folder: str = ""  # below the root, of the data set among several that the file is of


@dataclass(frozen=True)
class Scan:
    root: Path
    found: tuple[Found, ...]  # sorted by path
    notes: tuple[str, ...]  # what was left out, and why


def scan(data: str | Path, root: str | Path | None = None) -> Scan:
    """List the files of a data set with their classes.

    Args:
        data: a folder of images, or a CSV file.
        root: what a CSV's paths are relative to; the CSV's own folder when None.

    Raises:
        DataError: data is missing, of another layout, or a CSV row cannot be used.
    """
    data = Path(data)
    if data.is_dir():
        if root is not None:
            raise DataError(f"{data}: a folder with --root {root}; --root belongs to a CSV file: leave it out")
        return _scan_folder(data)
    if not data.exists():
        raise DataError(f"{data}: no such folder or file; {LAYOUTS}")
    return _scan_csv(data, data.parent if root is None else Path(root))


def film_path(file: Found) -> str:
    """Return the path without a split folder, which leads it or follows the data set's own folder."""
    inner = drop_split_folder(file.path.removeprefix(f"{file.folder}/") if file.folder else file.path)
    return f"{file.folder}/{inner}" if file.folder else inner


# ---- folders


def _scan_folder(root: Path) -> Scan:
    notes: list[str] = []
    paths = image_paths(root, on_error=lambda name, error: notes.append(f"{error}; nothing of it is indexed"))
    parts = [PurePosixPath(path).parts for path in paths]
    tops = sorted({part[0] for part in parts if len(part) > 1})
    splits = [top for top in tops if top.lower() in SPLIT_WORDS]
    if not tops:
        raise DataError(f"{root}: {len(paths)} images, none in a folder; {LAYOUTS}")
    if splits and len(splits) < len(tops):
        others = ", ".join(top for top in tops if top not in splits)
        raise DataError(f"{root}: split folders ({', '.join(splits)}) beside others ({others}); {LAYOUTS}")
    depth = 1 if splits else 0
    found = [
        Found(path, part[depth], SPLIT_WORDS[part[0].lower()] if splits else "")
        for path, part in zip(paths, parts, strict=True)
        if len(part) > depth + 1
    ]
    _check_classes(root, found)
    stray = [path for path, part in zip(paths, parts, strict=True) if len(part) <= depth + 1]
    if stray:
        notes.append(f"{len(stray)} images lie in no class folder and are left out: {some(stray)}")
    notes += [*_not_looked_at(root, depth), *_wrong_level([part[depth:] for part in parts])]
    return Scan(root, tuple(found), tuple(notes))


def _not_looked_at(root: Path, depth: int) -> list[str]:
    """Tell of files in class folders that are no images by their names."""
    names = [path for path in other_paths(root) if path.count("/") > depth]
    if not names:
        return []
    return [f"{len(names)} files were not looked at, as their names are of no image format: {some(names)}"]


def _wrong_level(parts: Iterable[tuple[str, ...]]) -> list[str]:
    """Warn where all class folders hold the same folders: the classes may be those, below a site or the like."""
    inside: dict[str, set[str]] = {}
    for label, *rest in (part for part in parts if len(part) > 1):
        inside.setdefault(label, set()).update(rest[:1] if len(rest) > 1 else ())
    folders = next(iter(inside.values()))
    if len(folders) < 2 or any(other != folders for other in inside.values()):
        return []
    return [
        f"WARNING: each class folder ({some(inside)}) holds the folders {some(sorted(folders))}: are these the "
        "classes? If so, give a CSV file with the columns path, label and site, or index each folder alone"
    ]


def some(names: Iterable[str], most: int = 3) -> str:
    """Name the first few, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _check_classes(where: Path, found: Iterable[Found]) -> None:
    labels = sorted({file.label for file in found})
    if len(labels) < 2:
        named = f"one class only ({labels[0]!r})" if labels else "no class"
        raise DataError(f"{where}: {named}; expected two or more; {LAYOUTS}")


# ---- CSV


def _scan_csv(path: Path, root: Path) -> Scan:
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected the one that the paths in {path} are relative to")
    rows = _read_rows(path)
    found: dict[str, Found] = {}
    again = 0
    for line, row in rows:
        file = _found(path, line, row, root)
        known = found.setdefault(file.path, file)
        if known != file:
            raise DataError(
                f"{path}, row {line}: {file.path} again, with other values ({_values(known)} before, "
                f"{_values(file)} here); keep one of the two rows"
            )
        again += known is not file
    _check_classes(path, found.values())
    notes = (f"{path}: {again} rows repeat another row and count once",) if again else ()
    return Scan(root, tuple(found[name] for name in sorted(found)), notes)


def _values(file: Found) -> str:
    return ", ".join(value for value in (file.label, file.split, file.patient, file.site) if value)


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows with their numbers; the heading is row 1."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {LAYOUTS}") from error
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file ({error}); {LAYOUTS}") from error
    heading = [name.strip().lower() for name in lines[0]] if lines else []
    _check_heading(path, heading)
    rows = []
    for line, values in enumerate(lines[1:], start=2):
        if len(values) > len(heading):
            raise DataError(
                f"{path}, row {line}: {len(values)} values under {len(heading)} columns; put a value "
                "that holds a comma in double quotes"
            )
        if any(values):
            rows.append((line, dict(zip(heading, (value.strip() for value in values), strict=False))))
    if not rows:
        raise DataError(f"{path}: no rows; {LAYOUTS}")
    return rows


def _check_heading(path: Path, heading: list[str]) -> None:
    missing = [name for name in ("path", "label") if name not in heading]
    if not missing:
        return
    for name, separator in (("semicolons", ";"), ("tabs", "\t")):
        if len(heading) == 1 and separator in heading[0]:
            raise DataError(f"{path}: its columns are separated by {name}; save it with commas")
    shown = ", ".join(heading)[:200] or "nothing"
    raise DataError(f"{path}: no column {missing[0]!r}; its first line is: {shown}; {LAYOUTS}")


def _found(path: Path, line: int, row: dict[str, str], root: Path) -> Found:
    where = f"{path}, row {line}"
    split = row.get("split", "").lower()
    for name in ("path", "label"):
        if not row.get(name):
            raise DataError(f"{where}: no {name}; fill it in or delete the row")
    if split and split not in SPLIT_WORDS:
        raise DataError(f"{where}: split {split!r}; expected one of {', '.join(SPLIT_WORDS)}, or nothing")
    return Found(
        _inside(where, row["path"], root),
        row["label"],
        SPLIT_WORDS.get(split, "") if "split" in row else split_from_path(row["path"]),
        row.get("patient", ""),
        row.get("site", ""),
    )


def _inside(where: str, name: str, root: Path) -> str:
    """Return the path relative to root, and refuse one that leads out of it."""
    if "\\" in name and not (root / name).exists():
        name = name.replace("\\", "/")  # written on Windows
    if os.path.isabs(name):
        name = os.path.relpath(name, root.absolute())
    relative = PurePosixPath(os.path.normpath(name))
    if relative.parts[:1] == ("..",) or not relative.parts:
        raise DataError(f"{where}: {name} leads out of {root}; name the folder that holds all files with --root")
    return str(relative)


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
