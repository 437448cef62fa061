"""Find leaks of a split: test or validation files whose film or group is also in the training data."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fxkit.data.film_names import film_keys
from fxkit.data.groups import drop_split_folder
from fxkit.data.manifest import Record, count_records, usable
from fxkit.errors import DataError
from preprocess.image_files import drop_extension
from preprocess.tables.cells import patient_key
from preprocess.words import amount, part_of

LeakEvidence = Literal["bytes", "name", "film", "group"]

TRAINING_SPLITS = {"test": ("train", "val"), "val": ("train",)}  # split -> splits that the model was made with


@dataclass(frozen=True)
class Leak:
    """One leaking file.

    Attributes:
        record: the test or validation file.
        training_record: the training file that shows the leak best.
        evidence: the closest link between the two files: "bytes", "name" (their names show the same film), "film" (only
            the manifest gives them the same film, for example because of their pixels), or "group" (the same group, or
            the same patient, however it is spelled).
    """

    record: Record
    training_record: Record
    evidence: LeakEvidence


@dataclass(frozen=True)
class LeakCounts:
    """How much of the test or validation split is also in the training data.

    Attributes:
        part: "test" (compared with train and val) or "val" (compared with train).
        unit: "patient" if every file of the part names its patient, else "group".
        files: files of the part; `films` and `groups` count the same part.
        leaked_files: files whose film has a copy in training.
        leaked_films: films of `leaked_files`.
        leaked_groups: groups of `grouped_files`.
        grouped_files: all leaking files: their film or another film of their group is in training.
        grouped_films: films of `grouped_files`.
        new_files: files whose film and group have no leaking file; `new_films` and `new_groups` count the same files.
    """

    part: str
    unit: str
    files: int
    films: int
    groups: int
    leaked_files: int
    leaked_films: int
    leaked_groups: int
    grouped_files: int
    grouped_films: int
    new_files: int
    new_films: int
    new_groups: int

    @property
    def text(self) -> str:
        """Describe the leak in one clause; "" if nothing leaks."""
        kinds = (
            (self.leaked_files, "is a copy", "are copies", "film"),
            (self.grouped_files - self.leaked_files, "is another film", "are other films", self.unit),
        )
        clauses = [
            f"{n} ({percent(n, self.files)}) {singular if n == 1 else plural} of a training {target}"
            for n, singular, plural, target in kinds
            if n
        ]
        return f"of {amount(self.files, f'{self.part} file')}, {' and '.join(clauses)}" if clauses else ""


def find_leaks(records: Sequence[Record], part: str = "test") -> list[Leak]:
    """Return the leaking files of one part of a split, in the order of the records.

    Each is paired with the first training file that gives the strongest evidence: the same bytes, else the same film
    by file name, else the same film by the manifest, else the same group, else the same patient in another spelling.
    """
    training = [r for r in usable(records) if r.split in TRAINING_SPLITS[part]]
    if not training:
        return []
    shared_films = {r.film for r in training} & {r.film for r in usable(records, part)}
    paths = [r.path for r in records if r.film in shared_films]
    names = dict(zip(paths, film_keys([drop_split_folder(path) for path in paths]), strict=True))
    patients = {name: patient_key(name) for name in {r.patient for r in records}}
    keys: tuple[tuple[LeakEvidence, Callable[[Record], Hashable]], ...] = (
        ("bytes", lambda r: r.sha256),
        ("name", lambda r: r.path),
        ("name", lambda r: (r.film, names[r.path]) if r.film in shared_films else ""),
        ("film", lambda r: r.film),
        ("group", lambda r: r.group),
        ("group", lambda r: patients[r.patient]),
    )
    first = [(evidence, key, {key(r): r for r in reversed(training) if key(r)}) for evidence, key in keys]
    leaks = []
    for record in usable(records, part):
        matches = ((evidence, by_key.get(key(record))) for evidence, key, by_key in first)
        leaks += [Leak(record, match, evidence) for evidence, match in matches if match is not None][:1]
    return leaks


def count_equal_names(records: Sequence[Record], part: str = "test") -> int:
    """Count the files of a part that do not leak, but have the file name of a training film in another folder.

    Where pixels cannot be compared, this is a hint and no more: data sets number their films, too.
    """
    training = {_file_name(r.path) for r in usable(records) if r.split in TRAINING_SPLITS[part]}
    if not training:
        return 0
    leaking = {leak.record.path for leak in find_leaks(records, part)}
    return sum(_file_name(r.path) in training for r in usable(records, part) if r.path not in leaking)


def _file_name(path: str) -> str:
    """Return the last part of a path, without extension and case."""
    return drop_extension(path.rpartition("/")[2]).casefold()


def count_leaks(records: Sequence[Record], part: str = "test", leaks: Sequence[Leak] | None = None) -> LeakCounts:
    """Count the files of one part of a split whose film or group is also in the training data.

    Args:
        leaks: result of `find_leaks` for the same part, to save finding them again.
    """
    members = usable(records, part)
    leaks = find_leaks(records, part) if leaks is None else leaks
    films, groups = {leak.record.film for leak in leaks}, {leak.record.group for leak in leaks}
    whole, leaking = count_records(members), count_records([leak.record for leak in leaks])
    copies = count_records([leak.record for leak in leaks if leak.evidence != "group"])
    new = count_records([r for r in members if r.film not in films and r.group not in groups])
    return LeakCounts(
        part=part,
        unit="patient" if members and all(r.patient for r in members) else "group",
        files=whole.files,
        films=whole.films,
        groups=whole.groups,
        leaked_files=copies.files,
        leaked_films=copies.films,
        leaked_groups=leaking.groups,
        grouped_files=leaking.files,
        grouped_films=leaking.films,
        new_files=new.files,
        new_films=new.films,
        new_groups=new.groups,
    )


def leak_stamp(records: Sequence[Record]) -> str:
    """Return the stamp: the warning shown with every figure of a leaking run; "" if no part leaks."""
    return stamp_text([count_leaks(records, part) for part in TRAINING_SPLITS])


def stamp_text(counts: Iterable[LeakCounts]) -> str:
    """Return the stamp for leaks that are counted already; "" if no part leaks."""
    texts = [part.text for part in counts if part.text]
    return f"leaking split: {'; '.join(texts)}" if texts else ""


def leaks_as_json(records: Sequence[Record], stamp: str) -> dict[str, Any]:
    """Return the entry "leaks" of a JSON file of figures: stamp and counts; an empty dict without a stamp."""
    if not stamp:
        return {}
    return {"leaks": {"stamp": stamp} | {part: asdict(count_leaks(records, part)) for part in TRAINING_SPLITS}}


def refuse_leaks(
    records: Sequence[Record], parts: Sequence[str] = tuple(TRAINING_SPLITS), where: str = "the split"
) -> None:
    """Raise an error if one of these parts of a split leaks.

    Args:
        where: subject of the error message, such as "the split" or "fold 0".

    Raises:
        DataError: a part leaks.
    """
    counts = [part for part in (count_leaks(records, name) for name in parts) if part.grouped_files]
    if counts:
        films = " and ".join(part_of(part.grouped_films, part.films, f"{part.part} film") for part in counts)
        raise DataError(
            f"{where} leaks: {'; '.join(part.text for part in counts)}; this affects {films}; expected no leaks: make "
            "a new split with `fxkit index` (for a kept or random split, leaks.html beside the manifest shows the "
            "copies), or give --allow-leaks, which stamps all figures"
        )


def percent(part: int, whole: int) -> str:
    """Format a share in whole percent; only exact shares are given as 0 % or 100 %."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 1:
        return "under 1 %"
    return "over 99 %" if 99 < share < 100 else f"{share:.0f} %"
