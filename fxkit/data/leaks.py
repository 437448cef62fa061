"""Count what leaks where a given split does not keep groups together."""

from collections.abc import Sequence
from dataclasses import dataclass

from fxkit.data.manifest import Record, usable


@dataclass(frozen=True)
class Leaks:
    """How much of the test split training has seen; training means train or val."""

    test_files: int
    test_films: int
    test_groups: int
    leaked_files: int  # test files with a copy of the same film in training
    leaked_films: int  # those files' films
    leaked_groups: int  # test groups, such as patients, with a film in training
    grouped_files: int  # test files of those films or groups


def leaks(records: Sequence[Record]) -> Leaks:
    """Count the test files that have a copy of their film, or a film of their group, in train or val."""
    tests = usable(records, "test")
    training = usable(records, "train") + usable(records, "val")
    films, groups = {r.film for r in training}, {r.group for r in training}
    return Leaks(
        test_files=len(tests),
        test_films=len({r.film for r in tests}),
        test_groups=len({r.group for r in tests}),
        leaked_files=sum(r.film in films for r in tests),
        grouped_files=sum(r.group in groups or r.film in films for r in tests),
        leaked_films=len({r.film for r in tests} & films),
        leaked_groups=len({r.group for r in tests} & groups),
    )
