"""Notes for the user on an indexed data set: copies, patients and leaks."""

from collections import defaultdict
from collections.abc import Sequence

from fxkit.data.film_names import film_keys
from fxkit.data.leaks import count_leaks
from fxkit.data.manifest import OK, Record, find_identical_files
from fxkit.index.find_copies import Copies
from fxkit.index.scan import ScannedFile, film_path, first_few
from preprocess.words import amount, part_of


def twin_notes(records: Sequence[Record]) -> list[str]:
    """Report byte-identical files, and warn if they have different classes."""
    twins = find_identical_files(records)
    notes = []
    if twins:
        notes.append(f"{sum(map(len, twins))} files are byte-identical to another file; each set stays in one group")
    torn = [files for files in twins if len({r.label for r in files} - {""}) > 1]
    if torn:
        listed = first_few([" = ".join(r.path for r in files) for files in torn])
        notes.append(
            f"WARNING: {sum(map(len, torn))} byte-identical files have different classes: {listed}; find out which "
            "label is correct"
        )
    return notes


def unknown_patients(records: Sequence[Record], split: str) -> list[str]:
    """Report the number of files without a known patient.

    Args:
        split: as in `IndexOptions.split`.
    """
    without = sum(not r.patient for r in records)
    if not without:
        return []
    if without < len(records):
        are = "is" if without == 1 else "are"
        n = amount(len(records), "file has", "files have")
        return [f"{without} of {n} no patient and {are} grouped by film instead"]
    problem = "count as independent" if split in ("given", "none") else "may be in several splits"
    return [
        f"no patients are known ({without} of {without} files have none): films of one patient {problem}; to prevent "
        "that, index a CSV file with a column patient"
    ]


def torn_names(records: Sequence[Record]) -> list[str]:
    """Report film names that `separate_films` had to divide among patients."""
    owners: dict[str, set[str]] = defaultdict(set)
    for record in records:
        name = record.film.removesuffix(f" of {record.group}")
        if name != record.film:
            owners[name].add(record.patient or "none")
    torn = [f"{name} ({first_few(sorted(owners[name]))})" for name in sorted(owners) if len(owners[name]) > 1]
    if not torn:
        return []
    return [
        f"{amount(len(torn), 'film name belongs', 'film names belong')} to several patients: "
        f"{first_few(torn)}; the files of each patient count as a film of their own and may be in different "
        "splits; if they are copies, correct the column patient"
    ]


def leak_notes(records: Sequence[Record], way: str) -> list[str]:
    """Report how much of the test part leaks.

    Args:
        way: "keep" or "random", as in `IndexOptions.split`.
    """
    counts = count_leaks(records)
    if not counts.files:
        return []
    split = "the given split" if way == "keep" else "this random split of files"
    text = (
        f"{split}: {_share(counts.leaked_files, counts.files)} "
        f"{'test file has' if counts.files == 1 else 'test files have'} a copy of the same film in "
        f"training; {_share(counts.grouped_files, counts.files)} "
        f"{'shares its' if counts.files == 1 else 'share their'} group (patient or film); "
        f"{part_of(counts.leaked_films, counts.films, 'test film')} and "
        f"{part_of(counts.leaked_groups, counts.groups, 'test group')} are affected"
    )
    if not counts.grouped_files:
        return [text]
    return [f"WARNING: {text}. Scores on this test split are not honest"]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)"


def copy_notes(
    records: Sequence[Record], files: Sequence[ScannedFile], copies: Copies, ids: Sequence[str] = ()
) -> list[str]:
    """Report copies that only pixels show, and warn if copies contradict patients, classes or names.

    Args:
        ids: PatientID of each file; "" if it has none. Default: no file has one.
    """
    sets: dict[str, list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        if record.sha256 in copies.groups:
            sets[copies.groups[record.sha256]].append(number)
    names = film_keys([film_path(file) for file in files])
    films = {group: sorted({names[number] for number in numbers}) for group, numbers in sets.items()}
    by_pixels = {group: film_names for group, film_names in films.items() if len(film_names) > 1}
    notes = []
    if by_pixels:
        notes.append(
            f"{sum(map(len, by_pixels.values()))} films with different names are copies by their pixels, in "
            f"{amount(len(by_pixels), 'set')}: {first_few(' = '.join(film_names) for film_names in by_pixels.values())}"
        )
    for remedy, quantity, values in (
        ("correct the column patient", "patients", [file.patient for file in files]),
        ("find out how the files were anonymised", "PatientIDs", ids or [""] * len(files)),
        ("correct the column label", "classes", [record.label for record in records]),
    ):
        notes += _warn_of_contradictions(
            remedy, quantity, [[values[n] for n in numbers] for numbers in sets.values()], films
        )
    return notes + _report_copies_by_name_only(records, names, copies)


def _warn_of_contradictions(
    remedy: str, quantity: str, values: Sequence[Sequence[str]], films: dict[str, list[str]]
) -> list[str]:
    torn = [
        f"{' = '.join(names[:2])} ({first_few(sorted({*known} - {''}))})"
        for known, names in zip(values, films.values(), strict=True)
        if len({*known} - {""}) > 1
    ]
    if not torn:
        return []
    return [
        f"WARNING: {amount(len(torn), 'set of copies by pixels has', 'sets of copies by pixels have')} "
        f"different {quantity}: {first_few(torn)}; each set stays "
        f"in one group; look at groups.html and {remedy}, or reject the pair"
    ]


def _report_copies_by_name_only(records: Sequence[Record], names: Sequence[str], copies: Copies) -> list[str]:
    """Report films whose files are copies by name but not by their pixels."""
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
        f"{amount(len(apart), 'film has', 'films have')} files that are copies by name but not by their "
        f"pixels: {first_few(apart)}; they stay "
        "together"
    ]
