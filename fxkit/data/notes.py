"""What a user should be told of a data set that was indexed: copies, patients and leaks."""

from collections import defaultdict
from collections.abc import Sequence

from fxkit.data.leaks import leaks
from fxkit.data.manifest import Record, identical_files
from fxkit.data.scan import some


def twin_notes(records: Sequence[Record]) -> list[str]:
    """Tell of byte-identical files, above all of those under two classes."""
    twins = identical_files(records)
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
    """Tell of copies, by their names, that `part_films` had to part."""
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
    found = leaks(records)
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
