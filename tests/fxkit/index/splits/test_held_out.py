"""Holding out a site moves whole patients to test, including their films of other sites."""

import pytest

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.index.splits.held_out import held_out_groups


def film(path: str, group: str, site: str, label: str = "a") -> Record:
    return Record(path, label, group, "", path, 1, 1, "ok", path, site=site)


FILMS = [film("1", "p1", "east"), film("2", "p2", "west"), film("3", "p2", "east", "b"), film("4", "p3", "")]


def test_groups_with_films_of_two_sites_are_held_out_whole_and_reported() -> None:
    groups, notes = held_out_groups(FILMS, "west")
    assert groups == {"p2"}
    assert notes == [
        "site west is held out: its 2 files (1 group) are test; the 2 files of east are train and val",
        "groups with films of west and of other sites: 1 (p2); they are test as a whole, including 1 file of other "
        "sites",
        "WARNING: train and val include 1 file of unknown site; check that none comes from the held-out site",
    ]


def test_a_site_may_be_written_in_another_case() -> None:
    assert held_out_groups(FILMS, " West") == held_out_groups(FILMS, "west")


def test_a_site_without_films_of_a_class_gives_a_warning() -> None:
    _, notes = held_out_groups([*FILMS[:2], film("5", "p5", "south", "b")], "south")
    assert notes[-1] == "WARNING: the held-out site has no film of class a"


def test_the_error_for_an_unknown_site_lists_the_sites() -> None:
    with pytest.raises(DataError, match=r"--hold-out 'north': no film comes from that site; expected one of east"):
        held_out_groups(FILMS, "north")
    with pytest.raises(DataError, match=r"no film comes from that site; no file has a site; expected a CSV file"):
        held_out_groups(FILMS[3:], "north")


def test_a_site_with_films_of_every_group_is_refused() -> None:
    with pytest.raises(DataError, match=r"'west': every group has a film of that site, so nothing is left to train"):
        held_out_groups(FILMS[1:3], "west")
