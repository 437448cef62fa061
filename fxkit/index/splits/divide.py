"""Assign a split and a fold to every file, as the options say, and report how well the parts are balanced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from fxkit.data.manifest import OK, SPLITS, Record, usable
from fxkit.errors import ConfigError, DataError
from fxkit.index.scan import ScannedFile, first_few
from fxkit.index.splits.assign import FRACTIONS, assign_parts, assign_splits, check_fractions
from fxkit.index.splits.balance import SplitFiles, group_shares, imbalances
from fxkit.index.splits.frozen import FrozenSplits, read_frozen
from fxkit.index.splits.held_out import held_out_groups
from fxkit.index.splits.strata import Strata, read_strata
from preprocess.known_markers import KnownMarkers
from preprocess.words import amount

SPLIT_MODES = ("grouped", "keep", "random", "given", "none")

STRATA = ("site", "marker")

NOTHING_FROZEN = FrozenSplits({}, {}, 0, ())


Divided = tuple[list[Record], list[str]]  # records with their splits and folds, and notes for the user


@dataclass(frozen=True)
class SplitOptions:
    """How to split a data set.

    Attributes:
        mode: "grouped", "keep", "random", "given" or "none", as in `index_data`.
        fractions: fractions of train, val and test.
        seed: seed of the random assignment.
        folds: number of folds that train and val are divided into, by group; 0 makes as many as `frozen` has, or none.
        stratify: "site" and "marker", to balance in addition to the class.
        markers: known markers of the films, needed for "marker".
        frozen: an older manifest, whose groups keep their split and fold.
        hold_out: site whose films become test; the other sites are divided into train and val.
    """

    mode: str = "grouped"
    fractions: tuple[float, ...] = FRACTIONS
    seed: int = 0
    folds: int = 0
    stratify: tuple[str, ...] = ()
    markers: KnownMarkers | None = None
    frozen: Path | None = None
    hold_out: str = ""


def check_split_options(options: SplitOptions) -> None:
    """Refuse options that are invalid or cannot be combined.

    Raises:
        ConfigError: an unknown mode or stratum, one fold, or options that cannot be combined.
        DataError: the fractions are invalid.
    """
    check_fractions(options.fractions)
    if options.mode not in SPLIT_MODES:
        raise ConfigError(f"split: {options.mode!r}; expected one of {', '.join(SPLIT_MODES)}")
    unknown = [kind for kind in options.stratify if kind not in STRATA]
    if unknown:
        raise ConfigError(f"--stratify {unknown[0]!r}; expected {' or '.join(STRATA)}")
    if options.folds < 0 or options.folds == 1:
        raise ConfigError(f"--folds {options.folds}; expected 2 or more")
    if "marker" in options.stratify and options.markers is None:
        raise ConfigError("--stratify marker needs the markers of the films; give them with --markers")
    grouped_only: dict[str, object] = {
        "--stratify": options.stratify,
        "--frozen": options.frozen,
        "--hold-out": options.hold_out,
    }
    if options.mode != "keep":  # a given split may still be divided into folds
        grouped_only["--folds"] = options.folds
    given = [name for name, value in grouped_only.items() if value]
    if options.mode != "grouped" and given:
        raise ConfigError(f"{given[0]} needs a new split by group; remove {given[0]}, or --keep-split or --split")
    if options.hold_out and sum(options.fractions[:2]) == 0:
        raise ConfigError(
            "--hold-out with the fraction 0 for train and for val; expected a positive fraction for the films of the "
            "other sites"
        )


def divide_records(records: Sequence[Record], files: Sequence[ScannedFile], options: SplitOptions) -> Divided:
    """Return the records with their splits and folds, and notes for the user; unreadable files get neither.

    Args:
        files: the listed file of each record, with its given split.

    Raises:
        DataError: a class has fewer groups than there are parts, or the options do not fit the data.
    """
    if options.mode == "none":
        return list(records), []
    if options.mode == "given":
        return [replace(r, split=f.split if r.status == OK else "") for r, f in zip(records, files, strict=True)], []
    if options.mode == "random":
        return _divide_files(records, options), []
    frozen = read_frozen(options.frozen, usable(records)) if options.frozen else NOTHING_FROZEN
    strata = read_strata(usable(records), options.stratify, options.markers)
    if options.mode == "keep":
        records, notes = _keep_given_split(records, files, options)
    else:
        records, notes = _divide_groups(records, options, frozen, strata)
    folds = options.folds or frozen.n_folds
    if not folds:
        return records, notes
    records, fold_notes = assign_folds(records, folds, options.seed, frozen, strata)
    return records, [*notes, *fold_notes]


def _divide_files(records: Sequence[Record], options: SplitOptions) -> list[Record]:
    """Divide files at random, regardless of their groups."""
    readable = usable(records)
    parts = assign_splits([r.label for r in readable], [r.path for r in readable], options.fractions, options.seed)
    split_of = dict(zip((r.path for r in readable), parts, strict=True))
    return [replace(r, split=split_of.get(r.path, "")) for r in records]


def _divide_groups(records: Sequence[Record], options: SplitOptions, frozen: FrozenSplits, strata: Strata) -> Divided:
    notes = list(frozen.notes)
    fixed, fractions = dict(frozen.splits), dict(zip(SPLITS, check_fractions(options.fractions), strict=True))
    pool = usable(records)
    if options.hold_out:
        held_out, held_out_notes = held_out_groups(pool, options.hold_out)
        notes += [*held_out_notes, *_trained_before(held_out, frozen, options)]
        fixed |= dict.fromkeys(held_out, "test")
        pool = [r for r in pool if fixed.get(r.group) != "test"]
        rest = fractions["train"] + fractions["val"]
        fractions = {name: fractions[name] / rest for name in ("train", "val")}
    fixed_in_pool = {r.group: fixed[r.group] for r in pool if r.group in fixed}
    split_of = fixed | assign_parts(_columns(pool, strata), fractions, options.seed, fixed=fixed_in_pool)
    divided = [replace(r, split=split_of[r.group] if r.status == OK else "") for r in records]
    return divided, [*notes, *_balance_note(pool, split_of, fractions, strata, "split")]


def _trained_before(held_out: set[str], frozen: FrozenSplits, options: SplitOptions) -> list[str]:
    moved = sorted(group for group in held_out if frozen.splits.get(group, "test") != "test")
    if not moved:
        return []
    groups, were = amount(len(moved), "group"), "was" if len(moved) == 1 else "were"
    return [
        f"WARNING: {groups} of the held-out site {were} train or val in {options.frozen}: {first_few(moved)}; "
        "they are test now, but models trained with that manifest have seen them"
    ]


def assign_folds(
    records: Sequence[Record],
    folds: int,
    seed: int = 0,
    frozen: FrozenSplits = NOTHING_FROZEN,
    strata: Strata = MappingProxyType({}),
) -> Divided:
    """Divide the usable records of train and val into folds by group, and report the balance of the folds.

    Args:
        folds: number of folds, at least 2.
        frozen: folds of an older manifest, which its groups keep.
        strata: kind -> path -> value, to balance in addition to the class.

    Raises:
        DataError: no record is train or val, a class has fewer groups than folds, or the older manifest has more
            folds.
    """
    if frozen.n_folds > folds:
        raise DataError(
            f"--folds {folds}: the older manifest has {frozen.n_folds} folds; expected at least as many here"
        )
    pool = [r for r in usable(records) if r.split in ("train", "val")]
    if not pool:
        raise DataError(
            f"--folds {folds}: no file is train or val, so there is nothing to divide; raise the fraction of train or "
            "val"
        )
    fractions = {str(fold): 1 / folds for fold in range(folds)}
    groups = {r.group for r in pool}
    fixed = {group: fold for group, fold in frozen.folds.items() if group in groups}
    fold_of = assign_parts(_columns(pool, strata), fractions, seed, fixed=fixed, parts_name="folds")
    in_pool = {r.path for r in pool}
    divided = [replace(r, fold=fold_of[r.group] if r.path in in_pool else "") for r in records]
    return divided, _balance_note(pool, fold_of, fractions, strata, f"{folds} folds")


def _columns(records: Sequence[Record], strata: Strata) -> SplitFiles:
    return SplitFiles(
        [r.label for r in records],
        [r.group for r in records],
        [r.film for r in records],
        {kind: [values[r.path] for r in records] for kind, values in strata.items()},
    )


def _balance_note(
    records: Sequence[Record],
    part_of: Mapping[str, str],
    fractions: Mapping[str, float],
    strata: Strata,
    parts_name: str,
) -> list[str]:
    """Report how far the parts deviate from their fractions because groups stay whole."""
    shares, names = group_shares(_columns(records, strata)), list(fractions)
    parts = np.array([names.index(part_of[group]) for group in shares.groups])
    by_class = [
        f"{off.label} {off.films:.1f} in films and {off.files:.1f} in files"
        + (f" ({off.strata:.1f} by {' and '.join(strata)})" if strata else "")
        for off in imbalances(shares, parts, np.array(list(fractions.values())))
    ]
    return [
        f"balance of the {parts_name}, largest deviation from the fractions in percentage points of each class: "
        f"{'; '.join(by_class)}"
    ]


def _keep_given_split(records: Sequence[Record], files: Sequence[ScannedFile], options: SplitOptions) -> Divided:
    """Take the split of the folders or the CSV file; if it has no val part, move groups from train to val."""
    without = [file.path for file in files if not file.split]
    if without:
        raise DataError(
            f"--keep-split, but {len(without)} of {amount(len(files), 'file has', 'files have')} no split "
            f"({first_few(without)}); expected SPLIT/CLASS/ folders or a CSV file with a column split; leave "
            "--keep-split out to make a new split"
        )
    kept = [replace(r, split=file.split if r.status == OK else "") for r, file in zip(records, files, strict=True)]
    present = {r.split for r in usable(kept)}
    notes = [f"WARNING: the given split has no {name} part" for name in ("train", "test") if name not in present]
    if "val" in present or "train" not in present:
        return kept, notes
    return _move_train_to_val(kept, options, notes)


def _move_train_to_val(records: Sequence[Record], options: SplitOptions, notes: list[str]) -> Divided:
    train = usable(records, "train")
    share = options.fractions[1] / max(options.fractions[0] + options.fractions[1], 1e-9)
    parts = assign_splits([r.label for r in train], [r.group for r in train], (1 - share, share, 0.0), options.seed)
    split_of = dict(zip((r.path for r in train), parts, strict=True))
    note = (
        f"the given split has no val part: {parts.count('val')} of the {len(train)} train files were moved to val, "
        "by group"
    )
    return [replace(r, split=split_of.get(r.path, r.split)) for r in records], [*notes, note]
