"""Hold a site out: all its films are test, and the other sites' are train and val."""

from collections.abc import Sequence

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.index.scan import some


def held_out_groups(records: Sequence[Record], site: str) -> tuple[set[str], list[str]]:
    """Return the groups with a film of the site, and what a user should be told.

    Raises:
        DataError: no film is of that site, or all groups have one.
    """
    groups = {r.group for r in records if r.site == site}
    if not groups:
        sites = sorted({r.site for r in records if r.site})
        known = (
            f"expected one of {', '.join(sites)}"
            if sites
            else ("no file has a site; expected a CSV with a column site, or a folder for each site")
        )
        raise DataError(f"--hold-out {site!r}: no film is of that site; {known}")
    test, rest = [r for r in records if r.group in groups], [r for r in records if r.group not in groups]
    if not rest:
        raise DataError(
            f"--hold-out {site!r}: every group has a film of that site, so nothing is left to train on; expected "
            "films of other sites"
        )
    return groups, [*_told(test, rest, site), *_both_sites(test, site), *_warnings(records, test, rest)]


def _told(test: Sequence[Record], rest: Sequence[Record], site: str) -> list[str]:
    others = sorted({r.site for r in rest if r.site})
    return [
        f"site {site} is held out: its {len(test)} files ({len({r.group for r in test})} groups) are test, the "
        f"{len(rest)} files of {some(others) or 'no known site'} are train and val"
    ]


def _both_sites(test: Sequence[Record], site: str) -> list[str]:
    elsewhere = [r for r in test if r.site != site]
    groups = sorted({r.group for r in elsewhere})
    if not groups:
        return []
    return [
        f"{len(groups)} groups have films at {site} and elsewhere: {some(groups)}; they are test as a whole, with "
        f"{len(elsewhere)} files of other sites"
    ]


def _warnings(records: Sequence[Record], test: Sequence[Record], rest: Sequence[Record]) -> list[str]:
    notes = []
    unknown = sum(not r.site for r in rest)
    if unknown:
        notes.append(f"WARNING: {unknown} files of no known site are train or val; are some of the held out site?")
    missing = sorted({r.label for r in records} - {r.label for r in test})
    if missing:
        notes.append(f"WARNING: the held out site has no film of class {some(missing)}")
    return notes
