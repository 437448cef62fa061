"""For each model that an ablation trains, the films that it learns from and those that it is tested on."""

from collections.abc import Sequence
from dataclasses import replace

from fxkit.data.manifest import Record, usable
from fxkit.index.splits.divide import assign_folds
from fxkit.index.splits.hold_out_fold import hold_out_fold


def divide_records(records: Sequence[Record], folds: int, seed: int, *, by_group: bool = True) -> list[list[Record]]:
    """Return the usable records with their splits, once for each model to train.

    Args:
        folds: 0 uses the split of the records, for one model. Otherwise each file is test in exactly one fold, whatever
            its split was (see `hold_out_fold`).
        by_group: False divides single files, without regard to films and groups.
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
    return [hold_out_fold(folded, fold, folds) for fold in range(folds)]


def name_parts(records: Sequence[Record], folds: int, seed: int) -> dict[str, str]:
    """Map the path of each usable file to the name of its part: its split, or the fold in which it is test.

    The model that is tested on a fold is not trained on any file of that fold.
    """
    if not folds:
        return {r.path: r.split for r in usable(records)}
    parts = divide_records(records, folds, seed)
    return {r.path: f"fold {fold}" for fold, part in enumerate(parts) for r in usable(part, "test")}
