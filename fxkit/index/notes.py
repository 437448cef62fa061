"""What a user should be told of a data set that was indexed: copies, patients and leaks."""

from collections import defaultdict
from collections.abc import Sequence

from fxkit.data.groups import film_keys
from fxkit.data.leaks import count_leaks
from fxkit.data.manifest import OK, Record, find_identical_files
from fxkit.index.find_copies import Copies
from fxkit.index.scan import Found, film_path, some


def twin_notes(records: Sequence[Record]) -> list[str]:
    """Tell of byte-identical files, above all of those under two classes."""
    twins = find_identical_files(records)
    notes = []
    if twins:
        notes.append(f"{sum(map(len, twins))} files are byte-identical to another; each set is kept in one group")
    torn = [files for files in twins if len({r.label for r in files}) > 1]
    if torn:
        shown = some([" = ".join(r.path for r in files) for files in torn])
        notes.append(
            f"WARNING: {sum(map(len, torn))} byte-identical files stand under different classes: "
            f"{shown}; find out which label is right"
        )
    return notes


def unknown_patients(records: Sequence[Record]) -> list[str]:
    without = sum(not r.patient for r in records)
    if not without:
        return []
    if without == len(records):
        return [
            "no patients are known: films of one patient may stand in several splits; a CSV file with a column "
            "patient prevents that"
        ]
    return [f"{without} of {len(records)} files have no patient: they are grouped by film instead"]


def torn_names(records: Sequence[Record]) -> list[str]:
    """Tell of copies, by their names, that `separate_films` had to part."""
    owners: dict[str, set[str]] = defaultdict(set)
    for record in records:
        name = record.film.removesuffix(f" of {record.group}")
        if name != record.film:
            owners[name].add(record.patient or "none")
    torn = [f"{name} ({some(sorted(owners[name]))})" for name in sorted(owners) if len(owners[name]) > 1]
    if not torn:
        return []
    return [
        f"{len(torn)} films have copies, by their names, of different patients: {some(torn)}; they count as different "
        "films and may stand in different splits; correct the column patient if they are copies"
    ]


def leak_notes(records: Sequence[Record], way: str) -> list[str]:
    found = count_leaks(records)
    if not found.files:
        return []
    told = "the given split" if way == "keep" else "this random split of files"
    text = (
        f"{told}: {_share(found.leaked_files, found.files)} test files have a copy of the same film in "
        f"training; {_share(found.grouped_files, found.files)} share their group (patient or film); "
        f"{found.leaked_films} of {found.films} test films and {found.leaked_groups} of "
        f"{found.groups} test groups are affected"
    )
    if not found.grouped_files:
        return [text]
    return [f"WARNING: {text}. Scores on this test split are not honest"]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)"


def copy_notes(records: Sequence[Record], files: Sequence[Found], copies: Copies, ids: Sequence[str] = ()) -> list[str]:
    """Tell what was found by pixels alone, and where they contradict patients, classes or names.

    Args:
        ids: of the patient that each DICOM file names.
    """
    sets: dict[str, list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        if record.sha256 in copies.groups:
            sets[copies.groups[record.sha256]].append(number)
    names = film_keys([film_path(file) for file in files])
    films = {group: sorted({names[number] for number in numbers}) for group, numbers in sets.items()}
    by_pixels = {group: called for group, called in films.items() if len(called) > 1}
    notes = []
    if by_pixels:
        notes.append(
            f"{sum(map(len, by_pixels.values()))} films of different names are copies of each other by their pixels, "
            f"in {len(by_pixels)} sets: {some(' = '.join(called) for called in by_pixels.values())}"
        )
    for mend, called, values in (
        ("correct the column patient", "patients", [file.patient for file in files]),
        ("find out how the files were anonymised", "PatientIDs", ids or [""] * len(files)),
        ("correct the column label", "classes", [record.label for record in records]),
    ):
        notes += _at_odds(mend, called, [[values[n] for n in numbers] for numbers in sets.values()], films)
    return notes + _names_alone(records, names, copies)


def _at_odds(mend: str, called: str, values: Sequence[Sequence[str]], films: dict[str, list[str]]) -> list[str]:
    torn = [
        f"{' = '.join(names[:2])} ({some(sorted({*known} - {''}))})"
        for known, names in zip(values, films.values(), strict=True)
        if len({*known} - {""}) > 1
    ]
    if not torn:
        return []
    return [
        f"WARNING: {len(torn)} sets of copies, by their pixels, stand under different {called}: {some(torn)}; each set "
        f"is kept in one group; look at groups.html and {mend}, or reject the pair"
    ]


def _names_alone(records: Sequence[Record], names: Sequence[str], copies: Copies) -> list[str]:
    """Tell of films whose files are copies by name while no pixels bear it out."""
    if not copies.groups:
        return []
    sets: dict[str, set[str]] = defaultdict(set)
    for record, name in zip(records, names, strict=True):
        if record.status == OK:
            sets[name].add(copies.groups.get(record.sha256, record.sha256))
    apart = [name for name, groups in sets.items() if len(groups) > 1]
    if not apart:
        return []
    return [
        f"{len(apart)} films have copies by their names that their pixels do not bear out: {some(apart)}; they "
        "are kept together"
    ]
