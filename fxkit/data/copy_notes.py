"""What pixels say of copies beside names, bytes and patients, and where they disagree."""

from collections import defaultdict
from collections.abc import Sequence

from fxkit.copies.find import Copies
from fxkit.data.groups import film_keys
from fxkit.data.manifest import OK, Record
from fxkit.data.scan import Found, film_path, some


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
