"""Join the spellings of one patient, class or site, such as P01 and p01, and say so."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

MOST_NAMED = 5  # names that a warning lists


@dataclass(frozen=True)
class Kind:
    """What is spelled in several ways, in words for a warning."""

    singular: str
    plural: str
    remedy: str


PATIENTS = Kind(
    "patient is",
    "patients are",
    "if they are different patients, tell them apart by more than case, spaces, punctuation and leading zeros",
)
CLASSES = Kind(
    "class is", "classes are", "if they are different classes, give them names that differ in more than that"
)
SITES = Kind("site is", "sites are", "if they are different sites, give them names that differ in more than that")


def join_spellings(
    values: Sequence[str], key: Callable[[str], str], kind: Kind, preferred: Iterable[str] = ()
) -> tuple[list[str], list[str]]:
    """Replace every value by the most frequent spelling of the same patient, class or site; of two, by the first in
    alphabetical order.

    Args:
        values: one value for each file; "" if unknown.
        key: `patient_key` or `label_key`; values with the same key are one.
        preferred: spellings that are kept, however frequent others are.

    Returns:
        The values, and a warning that names and counts the spellings, if there are several of anything.
    """
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    keys = {value: key(value) for value in {*values} if value}
    for value in values:
        if keys.get(value):
            spellings[keys[value]][value] += 1
    known = {key(value): value for value in preferred}
    chosen = {
        name: known.get(name) or min(counts, key=lambda value: (-counts[value], value))
        for name, counts in spellings.items()
    }
    joined = [chosen.get(keys.get(value, ""), value) for value in values]
    variants = {chosen[name]: counts for name, counts in spellings.items() if {*counts} != {chosen[name]}}
    return joined, _warning(kind, variants)


def _warning(kind: Kind, variants: dict[str, Counter[str]]) -> list[str]:
    if not variants:
        return []
    listed = [
        " = ".join(
            [f"{name} ({_files(counts[name])})", *(f"{s} ({n})" for s, n in sorted(counts.items()) if s != name)]
        )
        for name, counts in sorted(variants.items())
    ]
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    what = f"1 {kind.singular}" if len(listed) == 1 else f"{len(listed)} {kind.plural}"
    return [
        f"WARNING: {what} spelled in several ways and joined under one spelling: "
        f"{', '.join(listed[:MOST_NAMED])}{more}; {kind.remedy}"
    ]


def _files(n: int) -> str:
    return "1 file" if n == 1 else f"{n} files"
