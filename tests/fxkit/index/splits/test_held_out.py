"""A held out site takes its patients along, wherever else they were."""

import pytest

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.index.splits.held_out import held_out_groups


def film(path: str, group: str, site: str, label: str = "a") -> Record:
    return Record(path, label, group, "", path, 1, 1, "ok", path, site=site)


FILMS = [film("1", "p1", "east"), film("2", "p2", "west"), film("3", "p2", "east", "b"), film("4", "p3", "")]


def test_groups_of_two_sites_are_held_out_whole_and_told_of() -> None:
    groups, notes = held_out_groups(FILMS, "west")
    assert groups == {"p2"}
    assert notes == [
        "site west is held out: its 2 files (1 groups) are test, the 2 files of east are train and val",
        "1 groups have films at west and elsewhere: p2; they are test as a whole, with 1 files of other sites",
        "WARNING: 1 files of no known site are train or val; are some of the held out site?",
    ]


def test_a_site_without_a_class_is_told_of() -> None:
    _, notes = held_out_groups([*FILMS[:2], film("5", "p5", "south", "b")], "south")
    assert notes[-1] == "WARNING: the held out site has no film of class a"


def test_an_unknown_site_names_those_there_are() -> None:
    with pytest.raises(DataError, match=r"--hold-out 'north': no film is of that site; expected one of east, west"):
        held_out_groups(FILMS, "north")
    with pytest.raises(DataError, match=r"no film is of that site; no file has a site; expected a CSV with a column"):
        held_out_groups(FILMS[3:], "north")


def test_a_site_that_all_groups_have_is_refused() -> None:
    with pytest.raises(DataError, match=r"'west': every group has a film of that site, so nothing is left to train"):
        held_out_groups(FILMS[1:3], "west")
