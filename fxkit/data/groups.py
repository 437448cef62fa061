"""Join files that are copies of one film, and films that must stay in one split, into groups."""

from collections import defaultdict
from collections.abc import Iterable, Sequence


def join(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Replace names that share a key, directly or through other names, with the alphabetically first of them.

    Args:
        names: one name for every file.
        keys: one key for every file; "" is no key.
    """
    if not any(keys):
        return list(names)
    from scipy.cluster.hierarchy import DisjointSet  # takes long to import, and only `fxkit index` joins names

    sets = DisjointSet(names)
    first: dict[str, str] = {}
    for name, key in zip(names, keys, strict=True):
        if key:
            sets.merge(first.setdefault(key, name), name)
    smallest: dict[str, str] = {}
    for name in sets:
        smallest[sets[name]] = min(name, smallest.get(sets[name], name))
    return [smallest[sets[name]] for name in names]


def separate_films(films: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Rename films that share a name but belong to different groups to "FILM of GROUP"."""
    groups_of = defaultdict(set)
    for film, group in zip(films, groups, strict=True):
        groups_of[film].add(group)
    return [
        film if len(groups_of[film]) == 1 else f"{film} of {group}" for film, group in zip(films, groups, strict=True)
    ]


def join_all(names: Sequence[str], key_lists: Iterable[Sequence[str]]) -> list[str]:
    """Join names by several lists of keys, one after the other."""
    for keys in key_lists:
        names = join(names, keys)
    return list(names)


def assign_groups(
    names: Sequence[str],
    patients: Sequence[str],
    same_film: Sequence[Sequence[str]],
    same_group: Sequence[Sequence[str]] = (),
) -> tuple[list[str], list[str]]:
    """Return the film and the group of every file.

    Args:
        names: film name of every file, from `film_keys`.
        patients: patient of every file; "" if unknown, and then the film is the group.
        same_film: several lists of keys, each with one key for every file, such as the hash of its bytes. Files that
            share a key belong to one film and one group; "" is no key.
        same_group: the same, such as the study; files that share a key belong to one group.
    """
    films = join_all(names, same_film)
    groups = [patient or film for patient, film in zip(patients, films, strict=True)]
    groups = join_all(groups, [*same_film, *same_group])
    return separate_films(films, groups), groups


SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_from_path(path: str) -> str:
    """Return the split that the first folder of a path names, or ""."""
    first, _, rest = path.partition("/")
    return SPLIT_WORDS.get(first.lower(), "") if rest else ""


def drop_split_folder(path: str) -> str:
    """Drop the first folder of a path if it names a split."""
    return path.partition("/")[2] if split_from_path(path) else path
