"""What leaks: files of one part of a split whose film or group lies in a part that the model was made with."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fxkit.data.groups import film_keys, without_split
from fxkit.data.manifest import Record, count, usable
from fxkit.errors import DataError

How = Literal["bytes", "name", "film", "group"]  # film: the manifest's word alone, as where pixels told


SEEN_BY = {"test": ("train", "val"), "val": ("train",)}  # what training has seen before it is put to a part


@dataclass(frozen=True)
class Leak:
    """One leaking file, and the file of training that shows it best."""

    record: Record
    seen: Record
    how: How  # how the two are known to be one film; "group": they are two films of one group


@dataclass(frozen=True)
class Leaks:
    """How much of a part of a split training has seen: of test in train or val, of val in train."""

    part: str
    unit: str  # what a group is: "patient" where the manifest names them all, else "group"
    files: int
    films: int
    groups: int
    leaked_files: int  # with a copy of the same film in training
    leaked_films: int  # those files' films
    leaked_groups: int  # groups, such as patients, of all leaking files
    grouped_files: int  # all leaking files: of a film or of a group in training
    grouped_films: int  # those files' films
    new_files: int  # of films and groups without any leaking file
    new_films: int
    new_groups: int

    @property
    def text(self) -> str:
        """Say in a clause how much leaks; "" where nothing does."""
        told = (
            (self.leaked_files, "is a copy", "are copies", "film"),
            (self.grouped_files - self.leaked_files, "is another film", "are other films", self.unit),
        )
        clauses = [
            f"{n} ({percent(n, self.files)}) {one if n == 1 else many} of a training {of}"
            for n, one, many, of in told
            if n
        ]
        return f"of {self.files} {self.part} files, {' and '.join(clauses)}" if clauses else ""


def find_leaks(records: Sequence[Record], part: str = "test") -> list[Leak]:
    """Return the leaking files of a part, in the records' order.

    Beside each stands the first training file that shows the leak best: of the same bytes, else of the same film by
    name, else of the same film, else of the same group.
    """
    training = [r for r in usable(records) if r.split in SEEN_BY[part]]
    shared = {r.film for r in training} & {r.film for r in usable(records, part)}
    torn = [r.path for r in records if r.film in shared]
    names = dict(zip(torn, film_keys([without_split(path) for path in torn]), strict=True))
    keys: dict[How, Callable[[Record], Hashable]] = {
        "bytes": lambda r: r.sha256,
        "name": lambda r: (r.film, names[r.path]) if r.film in shared else "",
        "film": lambda r: r.film,
        "group": lambda r: r.group,
    }
    first = {how: {key(r): r for r in reversed(training) if key(r)} for how, key in keys.items()}
    found = []
    for record in usable(records, part):
        ways = ((how, first[how].get(key(record))) for how, key in keys.items())
        found += [Leak(record, seen, how) for how, seen in ways if seen is not None][:1]
    return found


def leaks(records: Sequence[Record], part: str = "test", found: Sequence[Leak] | None = None) -> Leaks:
    """Count the files of a part that have a copy of their film, or a film of their group, in training.

    Args:
        found: what `find_leaks` found of this part, where that is known.
    """
    own = usable(records, part)
    found = find_leaks(records, part) if found is None else found
    films, groups = {leak.record.film for leak in found}, {leak.record.group for leak in found}
    whole, leaking = count(own), count([leak.record for leak in found])
    copies = count([leak.record for leak in found if leak.how != "group"])
    new = count([r for r in own if r.film not in films and r.group not in groups])
    return Leaks(
        part=part,
        unit="patient" if own and all(r.patient for r in own) else "group",
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


def stamp_of(records: Sequence[Record]) -> str:
    """Return the line that every figure of a leaking split bears; "" where no part leaks."""
    return stamp([leaks(records, part) for part in SEEN_BY])


def stamp(counts: Iterable[Leaks]) -> str:
    """Return the same line from the leaks of the parts."""
    told = [found.text for found in counts if found.text]
    return f"leaking split: {'; '.join(told)}" if told else ""


def leaks_as_json(records: Sequence[Record], stamp: str) -> dict[str, Any]:
    """Return the entry "leaks" of a JSON file of figures: the stamp and the counts; nothing without a stamp."""
    return {"leaks": {"stamp": stamp} | {part: asdict(leaks(records, part)) for part in SEEN_BY}} if stamp else {}


def refuse_leaks(records: Sequence[Record], parts: Sequence[str] = tuple(SEEN_BY), where: str = "the split") -> None:
    """Raise DataError where a part leaks."""
    found = [leak for leak in (leaks(records, part) for part in parts) if leak.grouped_files]
    if found:
        films = " and ".join(f"{leak.grouped_films} of {leak.films} {leak.part} films" for leak in found)
        raise DataError(
            f"{where} leaks: {'; '.join(leak.text for leak in found)}; this touches {films}; expected none: split "
            "anew with `fxkit index` (leaks.html beside the manifest of a kept or random split shows the copies), or "
            "give --allow-leaks, which stamps all figures"
        )


def percent(part: int, whole: int) -> str:
    """Return a share in whole percents, such that neither 0 % nor 100 % is said of what only comes near."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 1:
        return "under 1 %"
    return "over 99 %" if 99 < share < 100 else f"{share:.0f} %"
