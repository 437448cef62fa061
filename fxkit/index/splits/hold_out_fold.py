"""The splits of the models of a cross-validation."""

from collections.abc import Sequence
from dataclasses import replace

from fxkit.data.manifest import Record

LEARNED = ("train", "val")


def hold_out_fold(records: Sequence[Record], fold: int, folds: int) -> list[Record]:
    """Return the records with the splits of the model that predicts a fold.

    That fold is test, the next fold is val (after the last fold comes the first), and the others are train. The test
    files of the records are left out.
    """
    parts = {fold: "test", (fold + 1) % folds: "val"}
    return [replace(r, split=parts.get(int(r.fold), "train") if r.split in LEARNED and r.fold else "") for r in records]
