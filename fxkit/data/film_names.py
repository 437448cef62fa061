"""Decide by file names alone which files are copies of one film.

A wrong match makes one film of two patients, and no later step can separate them; a missed copy can still be found by
its pixels. A name is therefore shortened only if its ending has no other meaning than "copy", or if the film without
that ending is in the list as well.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from preprocess.image_files import drop_extension

SUFFIXES = "jpe?g|png|bmp|tiff?|webp|dcm"

HASH = r"(?!(19|20)\d\d[01]\d[0-3]\d$)[0-9a-f]{8,}$"  # at least eight hex digits, but not a date such as 20190512

SURE_TAILS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"-rotated\d+$",
        r"[-_ ]augmented[-_ ]?\d*$",
        # Roboflow renames x.jpg to x_jpg.rf.<32 hex digits>; such names are often shortened later.
        rf"_({SUFFIXES})\.r?f?\.?{HASH}",
        rf"(_({SUFFIXES}))?\.rf\.?{HASH}",
    )
)

# "2 (1)" beside "2" is a second download of it, but "wrist (1)" to "wrist (500)" are films renamed in bulk.
NUMBERED = re.compile(r" \(\d+\)$")

MOST_NUMBERED = 4  # browsers save other pictures of one name as "images (1)", "images (2)" and so on, beside "images"

LIKELY_TAILS = (
    NUMBERED,
    re.compile(r"( - (copy|kopie|copie|copia)( \(\d+\))?| (copy|kopie|copie|copia)( \d+)?)$", re.IGNORECASE),
    re.compile(r"\.[0-9a-f]{32}$", re.IGNORECASE),  # what is left of a name of Roboflow, or a film named by its hash
)

AUG = re.compile(r"(?P<before>[^/]*)(?P<tail>[-_ ](?P<aug>aug)[-_ ]?(?P<number>\d*))$", re.IGNORECASE)

YEAR = r"(19|20)\d\d"

DAY_OR_YEAR = re.compile(rf"(?:^|[-_ .])(?P<day>0?[1-9]|[12]\d|3[01])$|(?:^|[-_ .])(?P<year>{YEAR})$")

# Months other than August in the languages that call it "Aug"; without May, which is also a word and a name.
DATED = re.compile(r"(?<![a-z])(jan|feb|m[aä]r|mrz|apr|jun|jul|sept?|o[ck]t|nov|de[cz])(?=[-_ ]?\d*$)", re.IGNORECASE)


@dataclass(frozen=True)
class _Names:
    """What the names of a list show together.

    Attributes:
        dated: shapes of names that end in another month than August, perhaps with a number.
        counted: names up to the number of "_aug3", if some file has a number there that is no part of a date.
        bulk: names that too many files share, but for a number in brackets.
        known: all names, with and without the endings that always mark a copy.
    """

    dated: frozenset[str]
    counted: frozenset[str]
    bulk: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()


def film_keys(paths: Sequence[str]) -> list[str]:
    """Return the film name of each file: its path without extension and without the endings that mark a copy.

    Endings that always mark a copy are "-rotated1", "_augmented", Roboflow's ".rf.<hash>" and chains of these, and
    "_aug3" unless it may be the month August. If a file without the ending is in the list, these mark a copy as well:
    " (1)" of at most four files, " - Copy", ".<32 hex digits>" and "_Aug3". The folder is part of the name, so files
    of the same name in two class folders are two films.

    Args:
        paths: relative paths with forward slashes, without a leading split folder.
    """
    stems = [_drop_extensions(path) for path in paths]
    names = _read_together(frozenset(stems))
    return [_film_key(stem, names) for stem in stems]


def _drop_extensions(path: str) -> str:
    """Drop all image extensions at the end: cleaning may turn a.jpg into a.jpg.png."""
    while (shorter := drop_extension(path)) != path:
        path = shorter
    return path


def _read_together(stems: frozenset[str]) -> _Names:
    last = [stem.rpartition("/")[2] for stem in stems]
    dated = frozenset(_shape(DATED.sub("#", name)) for name in last if DATED.search(name))
    augs = [aug for aug in map(AUG.search, stems) if aug and aug["aug"] == "aug"]
    counted = frozenset(aug.string[: aug.start("number")] for aug in augs if len(aug["number"]) in (1, 3))
    names = _Names(dated, counted)
    numbered = Counter(NUMBERED.sub("", stem) for stem in stems if NUMBERED.search(stem))
    bulk = frozenset(stem for stem, count in numbered.items() if count > MOST_NUMBERED)
    return replace(names, bulk=bulk, known=stems | {_strip(stem, names) for stem in stems})


def _shape(text: str) -> str:
    """Return a text with each word replaced by "a" and each number by "0"."""
    return re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "a", text))


def _film_key(stem: str, names: _Names) -> str:
    while True:
        stem = _strip(stem, names)
        shorter = next((s for s in _without_likely_tails(stem, names) if {s, _strip(s, names)} & names.known), stem)
        if shorter == stem:
            return stem
        stem = shorter


def _strip(stem: str, names: _Names) -> str:
    """Remove the endings that always mark a copy, but never the whole name."""
    while True:
        shorter = stem
        for tail in SURE_TAILS:
            shorter = tail.sub("", shorter)
        aug = AUG.search(shorter)
        if aug and _meaning(aug, names) == "copy":
            shorter = shorter[: aug.start("tail")]
        if shorter == stem or not shorter.rpartition("/")[2]:
            return stem
        stem = shorter


def _without_likely_tails(stem: str, names: _Names) -> Iterator[str]:
    """Yield the name without each ending that may mark a copy."""
    for tail in LIKELY_TAILS:
        shorter = tail.sub("", stem)
        if shorter != stem and not (tail is NUMBERED and shorter in names.bulk):
            yield shorter
    aug = AUG.search(stem)
    if aug and aug["before"] and _meaning(aug, names) == "likely":
        yield stem[: aug.start("tail")]


def _meaning(aug: re.Match[str], names: _Names) -> Literal["copy", "likely", "date"]:
    """Tell an augmented copy, such as film_aug3, from a film of August, such as 12-Aug-2019 and 2019_aug_05."""
    number, lower = aug["number"], aug["aug"] == "aug"
    shape = _shape(f"{aug.string[aug.start('before') : aug.start('aug')]}#{aug.string[aug.end('aug') :]}")
    if re.match(YEAR, number) or shape in names.dated:
        return "date"
    if lower and aug.string[: aug.start("number")] in names.counted:
        return "copy"
    date = DAY_OR_YEAR.search(aug["before"])
    if date and date["day"] and len(number) == 2:  # 12_aug_19
        return "date"
    if date and (not number or (date["year"] and len(number) <= 2)):  # 12_aug, 2019_aug, 2019_aug_05
        return "likely" if lower else "date"
    return "copy" if lower else "likely"
