"""Divide the records of an ablation: their own split, or folds by group (or, to show what that flatters, by file)."""

from collections.abc import Sequence
from dataclasses import replace

from fxkit.data.divide import assign_folds
from fxkit.data.manifest import Record, usable
from fxkit.folds import member_records


def parts_of(records: Sequence[Record], folds: int, seed: int, *, by_group: bool = True) -> list[list[Record]]:
    """Return the usable records once for each training, with their splits.

    Args:
        folds: 0 for the records' own split; else every file is tested once, in its fold, whatever its split was: see
            `member_records`.
        by_group: False divides files without regard to films and groups.
    Raises:
        DataError: a class has fewer groups than folds.
    """
    good = usable(records)
    if not folds:
        return [good]
    units = [replace(r, split="train", fold="") for r in good]
    if not by_group:
        units = [replace(r, group=r.path, film=r.path) for r in units]
    divided, _ = assign_folds(units, folds, seed)
    folded = [replace(r, fold=d.fold, split="train") for r, d in zip(good, divided, strict=True)]
    return [member_records(folded, fold, folds) for fold in range(folds)]


def part_names(records: Sequence[Record], folds: int, seed: int) -> dict[str, str]:
    """Return each usable file's path with a name of the part that no model is trained on while it is tested there."""
    if not folds:
        return {r.path: r.split for r in usable(records)}
    parts = parts_of(records, folds, seed)
    return {r.path: f"fold {fold}" for fold, part in enumerate(parts) for r in usable(part, "test")}
