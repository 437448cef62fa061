"""List the files of a data set: class folders, split/class folders, or a CSV file. No image is decoded."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from fxkit.data.groups import SPLIT_WORDS, drop_split_folder, split_from_path
from fxkit.errors import DataError
from preprocess.errors import first_few as first_few  # used by the other modules of the package
from preprocess.errors import keep_notes
from preprocess.listing import list_images
from preprocess.tables.cells import label_key, patient_key
from preprocess.tables.films import FilmTable, check_labels, read_film_table
from preprocess.tables.names import plain_name
from preprocess.tables.spellings import CLASSES, PATIENTS, SITES, join_spellings
from preprocess.words import amount

LAYOUTS = (
    "expected CLASS/image folders, SPLIT/CLASS/image folders (split: train, val, test, or training, valid, "
    "testing and so on), or a CSV file with the columns path and label, and optionally split, patient, site"
)


@dataclass(frozen=True)
class ScannedFile:
    """A listed file, with what its path or CSV row says about it; its content was not read."""

    path: str  # relative to the root, with /
    label: str
    split: str = ""  # train, val or test; "" if not given
    patient: str = ""
    site: str = ""
    folder: str = ""  # of several data sets, the folder of this one, relative to the root
    given_label: str = ""  # class before a verdict changed it, if the CSV file is a manifest that says so


@dataclass(frozen=True)
class Scan:
    """The files of a data set."""

    root: Path
    files: tuple[ScannedFile, ...]  # sorted by path
    notes: tuple[str, ...]  # messages for the user: files that were left out, and suspicious layouts


def scan(data: str | Path, root: str | Path | None = None, *, fewest_classes: int = 2) -> Scan:
    """List the files of a data set with their classes.

    Args:
        data: a folder of images, or a CSV file.
        root: folder that the paths in a CSV file are relative to. Default: the folder of the CSV file.
        fewest_classes: 1 for data that are only tested.

    Raises:
        DataError: the data is missing or has fewer classes, its layout is unknown, or a CSV row cannot be used.
    """
    data = Path(data)
    if data.is_dir():
        if root is not None:
            raise DataError(f"{data}: a folder with --root {root}; --root belongs to a CSV file: leave it out")
        return _check_classes(data, _scan_folder(data), fewest_classes)
    if not data.exists():
        raise DataError(f"{data}: no such folder or file; {LAYOUTS}")
    scanned = _scan_csv(data, data.parent if root is None else Path(root))
    return _check_classes(data, scanned, fewest_classes)


def film_path(file: ScannedFile) -> str:
    """Return the path without its split folder, which is the first folder below the folder of the data set."""
    inner = drop_split_folder(file.path.removeprefix(f"{file.folder}/") if file.folder else file.path)
    return f"{file.folder}/{inner}" if file.folder else inner


# ---- folders


def _scan_folder(root: Path) -> Scan:
    listing = list_images(root)
    paths, notes = listing.paths, [f"{error}; its files are not indexed" for _, error in listing.unlisted]
    parts = [PurePosixPath(path).parts for path in paths]
    tops = sorted({part[0] for part in parts if len(part) > 1})
    splits = [top for top in tops if top.lower() in SPLIT_WORDS]
    if not tops:
        raise DataError(
            "; ".join([f"{root}: {amount(len(paths), 'image')}, none in a folder", *listing.notes, LAYOUTS])
        )
    if splits and len(splits) < len(tops):
        others = ", ".join(top for top in tops if top not in splits)
        raise DataError(f"{root}: split folders ({', '.join(splits)}) beside others ({others}); {LAYOUTS}")
    depth = 1 if splits else 0
    files = [
        ScannedFile(path, part[depth], SPLIT_WORDS[part[0].lower()] if splits else "")
        for path, part in zip(paths, parts, strict=True)
        if len(part) > depth + 1
    ]
    stray = [path for path, part in zip(paths, parts, strict=True) if len(part) <= depth + 1]
    if stray:
        are = "is" if len(stray) == 1 else "are"
        notes.append(f"{amount(len(stray), 'image')} outside the class folders {are} left out: {first_few(stray)}")
    notes += [*listing.notes, *_warn_of_wrong_level([part[depth:] for part in parts])]
    return _finish(root, Scan(root, tuple(files), tuple(notes)))


def _warn_of_wrong_level(parts: Iterable[tuple[str, ...]]) -> list[str]:
    """Warn if all class folders hold the same folders: these may be the classes, and the upper ones sites."""
    inside: dict[str, set[str]] = {}
    for label, *rest in (part for part in parts if len(part) > 1):
        inside.setdefault(label, set()).update(rest[:1] if len(rest) > 1 else ())
    folders = next(iter(inside.values()), set())
    if len(folders) < 2 or any(other != folders for other in inside.values()):
        return []
    return [
        f"WARNING: each class folder ({first_few(inside)}) holds the folders {first_few(sorted(folders))}: are these "
        "the classes? If so, give a CSV file with the columns path, label and site, or index each folder separately"
    ]


def _check_classes(data: Path, scanned: Scan, fewest: int) -> Scan:
    """Return the files if they have enough classes; otherwise raise DataError."""
    labels = sorted({file.label for file in scanned.files})
    if len(labels) >= fewest:
        return scanned
    problem = f"only one class ({labels[0]!r})" if labels else "no class"
    number = "one" if fewest == 1 else "two"
    with keep_notes(scanned.notes):
        raise DataError(f"{data}: {problem}; expected {number} or more; {LAYOUTS}")


# ---- CSV


def _scan_csv(path: Path, root: Path) -> Scan:
    table = read_film_table(path, root, ("label", "patient", "site", "split", "given_label"), LAYOUTS)
    with keep_notes(table.notes):
        files, notes = _files_of(path, table)
    return _finish(path, Scan(root, tuple(files[name] for name in sorted(files)), (*table.notes, *notes)))


def _files_of(path: Path, table: FilmTable) -> tuple[dict[str, ScannedFile], list[str]]:
    """Return the files of a table by their paths, and notes on its splits and repeated rows."""
    if "label" not in table.columns:
        raise DataError(f"{path}: no column `label`; its columns are: {', '.join(table.names)}; {LAYOUTS}")
    check_labels(path, table.rows)
    has_split, notes = _has_split(path, table)
    files: dict[str, ScannedFile] = {}
    n_repeated = 0
    for row in table.rows:
        split = SPLIT_WORDS[row.split.lower()] if has_split and row.split else ""
        split = split if has_split else split_from_path(row.path)
        file = ScannedFile(row.path, row.label, split, row.patient, row.site, given_label=row.given_label)
        first = files.setdefault(file.path, file)
        if _keys(first) != _keys(file):
            raise DataError(
                f"{path}, row {row.line}: {file.path} differs from an earlier row ({_values(file)} here, "
                f"{_values(first)} before); keep one of the two rows"
            )
        n_repeated += first is not file
    if n_repeated:
        notes.append(f"{path}: {amount(n_repeated, 'repeated row is', 'repeated rows are')} ignored")
    return files, notes


def _has_split(path: Path, table: FilmTable) -> tuple[bool, list[str]]:
    """Tell whether the table has splits. A column under another name has none if it holds other words."""
    column = table.columns.get("split")
    other = next((row for row in table.rows if row.split and row.split.lower() not in SPLIT_WORDS), None)
    if column is None or other is None:
        return column is not None, []
    if plain_name(column) != "split":
        return False, [f"{path}: column `{column}` is not read as split after all, because it holds {other.split!r}"]
    raise DataError(
        f"{path}, row {other.line}: split {other.split!r}; expected one of {', '.join(SPLIT_WORDS)}, or nothing"
    )


def _keys(file: ScannedFile) -> tuple[str, ...]:
    return label_key(file.label), file.split, patient_key(file.patient), label_key(file.site)


def _values(file: ScannedFile) -> str:
    return ", ".join(value for value in (file.label, file.split, file.patient, file.site) if value)


def _finish(data: Path, scanned: Scan) -> Scan:
    """Join the spellings of classes, patients and sites, and check that there are two classes."""
    labels, class_notes = join_spellings([file.label for file in scanned.files], label_key, CLASSES)
    patients, patient_notes = join_spellings([file.patient for file in scanned.files], patient_key, PATIENTS)
    sites, site_notes = join_spellings([file.site for file in scanned.files], label_key, SITES)
    files = tuple(
        replace(file, label=label, patient=patient, site=site)
        for file, label, patient, site in zip(scanned.files, labels, patients, sites, strict=True)
    )
    return Scan(scanned.root, files, (*scanned.notes, *class_notes, *patient_notes, *site_notes))


def scan_roots(roots: Sequence[Path]) -> Scan:
    """List the files of several folders, each of them a site. Paths are relative to their common parent folder.

    Raises:
        DataError: one is not a folder or lies inside another, two have the same name, their only common parent is the
            root of the file system, or one of them cannot be indexed.
    """
    _check_roots(roots)
    parent = _parent(roots)
    scans = [(root, scan(root)) for root in sorted(roots, key=lambda root: root.absolute().as_posix())]
    files = [
        replace(file, path=f"{folder}/{file.path}", site=root.resolve().name, folder=folder)
        for root, part in scans
        for folder in [os.path.relpath(root.resolve(), parent).replace(os.sep, "/")]
        for file in part.files
    ]
    notes = [f"{root.resolve().name}: {note}" for root, part in scans for note in part.notes]
    files.sort(key=lambda file: file.path)
    joined = _finish(parent, Scan(parent, tuple(files), tuple(notes)))
    return replace(joined, notes=(*joined.notes, *_warn_of_different_classes(joined.files)))


def _check_roots(roots: Sequence[Path]) -> None:
    for root in roots:
        if not root.is_dir():
            problem = "not a folder" if root.exists() else "no such folder"
            raise DataError(
                f"{root}: {problem}; of several data sets, each must be the folder of one site; give a CSV file alone, "
                "with a column site"
            )
    names = Counter(root.resolve().name for root in roots)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise DataError(
            f"{first_few([str(root) for root in roots if root.resolve().name == twice[0]])}: folders with the same "
            f"name {twice[0]!r}; expected a different name for each site; rename one"
        )
    for inner in roots:
        for outer in roots:
            if inner is not outer and inner.resolve().is_relative_to(outer.resolve()):
                raise DataError(f"{inner}: lies inside {outer}; expected separate folders; leave one out")


def _parent(roots: Sequence[Path]) -> Path:
    try:
        parent = Path(os.path.commonpath([root.resolve() for root in roots]))
    except ValueError:  # the folders are on two drives
        parent = Path(roots[0].resolve().anchor)
    if parent == Path(parent.anchor):
        raise DataError(
            f"{first_few([str(root) for root in roots])}: their only common parent is {parent}; expected sites in one "
            "folder; move or link them into one"
        )
    return parent


def _warn_of_different_classes(files: Sequence[ScannedFile]) -> list[str]:
    classes = {
        site: sorted({file.label for file in files if file.site == site})
        for site in dict.fromkeys(file.site for file in files)
    }
    if len({tuple(labels) for labels in classes.values()}) == 1:
        return []
    listed = "; ".join(f"{site}: {first_few(labels)}" for site, labels in classes.items())
    return [f"WARNING: the sites have different classes ({listed}); does one class have two names?"]
