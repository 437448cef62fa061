"""Give every file its split and its fold, in the way that was asked for, and say how well that went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from fxkit.data.manifest import OK, SPLITS, Record, usable
from fxkit.errors import ConfigError, DataError
from fxkit.index.scan import ScannedFile, some
from fxkit.index.splits.assign import FRACTIONS, assign_parts, assign_splits, check_fractions
from fxkit.index.splits.balance import SplitFiles, group_shares, imbalances
from fxkit.index.splits.frozen import Frozen, read_frozen
from fxkit.index.splits.held_out import held_out_groups
from fxkit.index.splits.strata import Strata, read_strata
from preprocess.known_markers import KnownMarkers

SPLIT_MODES = ("grouped", "keep", "random", "none")

STRATA = ("site", "marker")

NOT_FROZEN = Frozen({}, {}, 0, ())


Divided = tuple[list[Record], list[str]]  # and notes


@dataclass(frozen=True)
class SplitOptions:
    """How files are to be divided.

    Attributes:
        way: "grouped", "keep", "random" or "none", as in `index_data`.
        fractions: of train, val and test.
        folds: into which the files of train and val are divided, by group; 0 for none, or as many as `frozen` has.
        stratify: "site" and "marker", to balance beside the class.
        markers: known ones, for "marker".
        frozen: an older manifest, whose groups keep their split and fold.
        hold_out: the site that is test; the rest is train and val by their fractions.
    """

    way: str = "grouped"
    fractions: tuple[float, ...] = FRACTIONS
    seed: int = 0
    folds: int = 0
    stratify: tuple[str, ...] = ()
    markers: KnownMarkers | None = None
    frozen: Path | None = None
    hold_out: str = ""


def check_split_options(how: SplitOptions) -> None:
    """Refuse what cannot be done together.

    Raises:
        ConfigError: an unknown way or stratum, one fold, or settings that do not go together.
        DataError: bad fractions.
    """
    check_fractions(how.fractions)
    if how.way not in SPLIT_MODES:
        raise ConfigError(f"split: {how.way!r}; expected one of {', '.join(SPLIT_MODES)}")
    unknown = [kind for kind in how.stratify if kind not in STRATA]
    if unknown:
        raise ConfigError(f"--stratify {unknown[0]!r}; expected {' or '.join(STRATA)}")
    if how.folds < 0 or how.folds == 1:
        raise ConfigError(f"--folds {how.folds}; expected 2 or more")
    if "marker" in how.stratify and how.markers is None:
        raise ConfigError("--stratify marker needs the films' markers; give them with --markers")
    given = {"--stratify": how.stratify, "--frozen": how.frozen, "--hold-out": how.hold_out, "--folds": how.folds}
    others = [name for name, value in given.items() if value and (name != "--folds" or how.way != "keep")]
    if how.way != "grouped" and others:
        raise ConfigError(f"{others[0]} needs a new split by group; leave it, or --keep-split or --split, out")
    if how.hold_out and sum(how.fractions[:2]) == 0:
        raise ConfigError("--hold-out with fractions 0 of train and val; expected some for the films of other sites")


def divide_records(records: Sequence[Record], files: Sequence[ScannedFile], how: SplitOptions) -> Divided:
    """Return the records with split and fold, and what a user should be told.

    Files that cannot be read get neither.

    Args:
        files: what was said of each record's file.

    Raises:
        DataError: a class has fewer groups than parts, or the settings do not fit the data.
    """
    if how.way == "none":
        return list(records), []
    if how.way == "random":
        return _divide_files(records, how), []
    frozen = read_frozen(how.frozen, usable(records)) if how.frozen else NOT_FROZEN
    strata = read_strata(usable(records), how.stratify, how.markers)
    if how.way == "keep":
        records, notes = _keep(records, files, how)
    else:
        records, notes = _divide_groups(records, how, frozen, strata)
    folds = how.folds or frozen.n_folds
    if not folds:
        return records, notes
    records, more = assign_folds(records, folds, how.seed, frozen, strata)
    return records, [*notes, *more]


def _divide_files(records: Sequence[Record], how: SplitOptions) -> list[Record]:
    good = usable(records)
    parts = assign_splits([r.label for r in good], [r.path for r in good], how.fractions, how.seed)
    given = dict(zip((r.path for r in good), parts, strict=True))
    return [replace(r, split=given.get(r.path, "")) for r in records]


def _divide_groups(records: Sequence[Record], how: SplitOptions, frozen: Frozen, strata: Strata) -> Divided:
    notes = list(frozen.notes)
    fixed, fractions = dict(frozen.splits), dict(zip(SPLITS, check_fractions(how.fractions), strict=True))
    pool = usable(records)
    if how.hold_out:
        held, more = held_out_groups(pool, how.hold_out)
        notes += [*more, *_once_trained(held, frozen, how)]
        fixed |= dict.fromkeys(held, "test")
        pool = [r for r in pool if fixed.get(r.group) != "test"]
        rest = fractions["train"] + fractions["val"]
        fractions = {name: fractions[name] / rest for name in ("train", "val")}
    stay = {r.group: fixed[r.group] for r in pool if r.group in fixed}
    given = fixed | assign_parts(_films(pool, strata), fractions, how.seed, fixed=stay)
    divided = [replace(r, split=given[r.group] if r.status == OK else "") for r in records]
    return divided, [*notes, *_balance(pool, given, fractions, strata, "split")]


def _once_trained(held: set[str], frozen: Frozen, how: SplitOptions) -> list[str]:
    moved = sorted(group for group in held if frozen.splits.get(group, "test") != "test")
    if not moved:
        return []
    return [
        f"WARNING: {len(moved)} groups of the held out site were train or val in {how.frozen}: {some(moved)}; they are "
        "test now; models trained with that manifest have seen them"
    ]


def assign_folds(
    records: Sequence[Record],
    folds: int,
    seed: int = 0,
    frozen: Frozen = NOT_FROZEN,
    strata: Strata = MappingProxyType({}),
) -> Divided:
    """Divide the usable records of train and val into folds by group, and say how balanced they came out.

    Args:
        folds: 2 or more.
        frozen: what an older manifest says of these groups.
        strata: kind -> path -> value, to balance by beside the class.

    Raises:
        DataError: nothing to divide, a class has fewer groups than folds, or the older manifest has more folds.
    """
    if frozen.n_folds > folds:
        raise DataError(f"--folds {folds}: the older manifest has {frozen.n_folds} folds; expected as many or more")
    pool = [r for r in usable(records) if r.split in ("train", "val")]
    if not pool:
        raise DataError(f"--folds {folds}: no file is train or val; expected some to divide; raise their fractions")
    fractions = {str(fold): 1 / folds for fold in range(folds)}
    groups = {r.group for r in pool}
    stay = {group: fold for group, fold in frozen.folds.items() if group in groups}
    given = assign_parts(_films(pool, strata), fractions, seed, fixed=stay, called="folds")
    inside = {r.path for r in pool}
    divided = [replace(r, fold=given[r.group] if r.path in inside else "") for r in records]
    return divided, _balance(pool, given, fractions, strata, f"{folds} folds")


def _films(records: Sequence[Record], strata: Strata) -> SplitFiles:
    return SplitFiles(
        [r.label for r in records],
        [r.group for r in records],
        [r.film for r in records],
        {kind: [values[r.path] for r in records] for kind, values in strata.items()},
    )


def _balance(
    records: Sequence[Record], given: Mapping[str, str], fractions: Mapping[str, float], strata: Strata, what: str
) -> list[str]:
    """Say how far from the fractions whole groups had to leave the parts."""
    weights, names = group_shares(_films(records, strata)), list(fractions)
    parts = np.array([names.index(given[group]) for group in weights.groups])
    told = [
        f"{off.label} {off.films:.1f} in films and {off.files:.1f} in files"
        + (f" ({off.strata:.1f} by {' and '.join(strata)})" if strata else "")
        for off in imbalances(weights, parts, np.array(list(fractions.values())))
    ]
    return [f"balance of the {what}, farthest of a part from its fraction in points of the class: {'; '.join(told)}"]


def _keep(records: Sequence[Record], files: Sequence[ScannedFile], how: SplitOptions) -> Divided:
    """Take the split that folders or CSV give; without a val, carve one out of train by group."""
    without = [file.path for file in files if not file.split]
    if without:
        raise DataError(
            f"--keep-split, but {len(without)} of {len(files)} files have no split "
            f"({some(without)}); expected SPLIT/CLASS/ folders or a CSV with a column split; leave --keep-split "
            "out to make a new split"
        )
    kept = [replace(r, split=file.split if r.status == OK else "") for r, file in zip(records, files, strict=True)]
    present = {r.split for r in usable(kept)}
    notes = [f"WARNING: the given split has no {name} part" for name in ("train", "test") if name not in present]
    if "val" in present or "train" not in present:
        return kept, notes
    return _carve(kept, how, notes)


def _carve(records: Sequence[Record], how: SplitOptions, notes: list[str]) -> Divided:
    train = usable(records, "train")
    share = how.fractions[1] / max(how.fractions[0] + how.fractions[1], 1e-9)
    parts = assign_splits([r.label for r in train], [r.group for r in train], (1 - share, share, 0.0), how.seed)
    given = dict(zip((r.path for r in train), parts, strict=True))
    count = parts.count("val")
    notes = [
        *notes,
        f"the given split has no val part: {count} of the {len(train)} train files were taken, by group",
    ]
    return [replace(r, split=given.get(r.path, r.split)) for r in records], notes
