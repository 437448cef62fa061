"""Hold out a site: its films become test, and the films of the other sites are divided into train and val."""

from collections.abc import Sequence

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.index.scan import first_few
from preprocess.tables.cells import label_key
from preprocess.words import amount


def held_out_groups(records: Sequence[Record], site: str) -> tuple[set[str], list[str]]:
    """Return the groups with a film of the site, and notes for the user.

    Raises:
        DataError: no film comes from that site, or every group has one.
    """
    site = next((r.site for r in records if r.site and label_key(r.site) == label_key(site)), site)
    groups = {r.group for r in records if r.site == site}
    if not groups:
        sites = sorted({r.site for r in records if r.site})
        expected = (
            f"expected one of {', '.join(sites)}"
            if sites
            else ("no file has a site; expected a CSV file with a column site, or a folder for each site")
        )
        raise DataError(f"--hold-out {site!r}: no film comes from that site; {expected}")
    test, rest = [r for r in records if r.group in groups], [r for r in records if r.group not in groups]
    if not rest:
        raise DataError(
            f"--hold-out {site!r}: every group has a film of that site, so nothing is left to train on; expected "
            "films of other sites"
        )
    return groups, [_held_out_note(test, rest, site), *_two_sites_note(test, site), *_warnings(records, test, rest)]


def _held_out_note(test: Sequence[Record], rest: Sequence[Record], site: str) -> str:
    other_sites = sorted({r.site for r in rest if r.site})
    return (
        f"site {site} is held out: its {amount(len(test), 'file')} "
        f"({amount(len({r.group for r in test}), 'group')}) {'is' if len(test) == 1 else 'are'} test; the "
        f"{amount(len(rest), 'file')} of {first_few(other_sites) or 'unknown sites'} are train and val"
    )


def _two_sites_note(test: Sequence[Record], site: str) -> list[str]:
    elsewhere = [r for r in test if r.site != site]
    groups = sorted({r.group for r in elsewhere})
    if not groups:
        return []
    return [
        f"groups with films of {site} and of other sites: {len(groups)} ({first_few(groups)}); they are test as a "
        f"whole, including {amount(len(elsewhere), 'file')} of other sites"
    ]


def _warnings(records: Sequence[Record], test: Sequence[Record], rest: Sequence[Record]) -> list[str]:
    notes = []
    unknown = sum(not r.site for r in rest)
    if unknown:
        notes.append(
            f"WARNING: train and val include {amount(unknown, 'file')} of unknown site; check that none comes from the "
            "held-out site"
        )
    missing = sorted({r.label for r in records} - {r.label for r in test})
    if missing:
        notes.append(f"WARNING: the held-out site has no film of class {first_few(missing)}")
    return notes
