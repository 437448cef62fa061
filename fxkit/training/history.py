"""history.csv: a row an epoch, over both phases."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Callback

from fxkit.training.films import PHASES, Phase
from preprocess.images import write_atomic

MONITOR = "val_loss"
HISTORY = ("phase", "epoch", "train_loss", "val_loss", "val_auroc", "val_accuracy")


class History(Callback):
    """Keep history.csv: a row an epoch; a resumed run drops the rows that it is about to make again."""

    def __init__(self, folder: Path, phase: Phase) -> None:
        self.path = folder / "history.csv"
        self.phase: Phase = phase

    def on_train_epoch_end(self, trainer: L.Trainer, _module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        values = {k: float(v) for k, v in trainer.callback_metrics.items() if k in HISTORY}
        row = {"phase": self.phase, "epoch": str(trainer.current_epoch)}
        row |= {k: f"{v:.6g}" for k, v in values.items()}
        order = PHASES.index(self.phase), trainer.current_epoch
        earlier = [r for r in read_history(self.path) if (PHASES.index(r["phase"]), int(r["epoch"])) < order]
        write_history(self.path, [*earlier, row])


def read_history(path: Path) -> list[dict[str, str]]:
    """Read history.csv: a row an epoch with its phase, number from 0, losses and scores; [] where there is none."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_history(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write history.csv; what a row has no value of stays empty."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, HISTORY, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, out.getvalue())
