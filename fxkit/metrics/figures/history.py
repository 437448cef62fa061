"""Learning curves of a training run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fxkit.errors import DataError, RunError
from fxkit.metrics.figures.style import COLOURS, FAINT, STYLES, draw_legend, png, start_pair
from preprocess.tables.read import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_history(path: str | Path, *, stamp: str = "") -> bytes:
    """Draw history.csv: losses on the left, scores in 0..1 on the right; return PNG bytes.

    Raises:
        RunError: the file cannot be read, or has no epoch.
    """
    rows = _read_history(Path(path))
    figure, (left, right) = start_pair()
    phases = [row.get("phase", "") for row in rows]
    for name in rows[0]:
        if name in ("phase", "epoch") or not any(row[name] for row in rows):
            continue
        axes = left if name.endswith("loss") else right
        _line(axes, name, [float(row[name]) if row[name] else np.nan for row in rows])
    losses = [float(row.get("val_loss") or "inf") for row in rows]
    for axes, title in ((left, "loss"), (right, "score on the validation set")):
        _mark_phases(axes, phases)
        if min(losses) < float("inf"):
            axes.axvline(losses.index(min(losses)) + 1, color=COLOURS[2], lw=1, ls="--", label="kept epoch")
        axes.set_xlabel("epoch, over both phases")
        axes.set_title(title, fontsize=10)
        if axes.get_lines():
            draw_legend(axes, "best")
    right.set_ylim(0, 1.02)
    return png(figure, stamp)


def _line(axes: "Axes", name: str, values: Sequence[float]) -> None:
    i = sum(not str(line.get_label()).startswith("_") for line in axes.get_lines())
    marker = "o" if len(values) < 40 else None
    epochs = range(1, len(values) + 1)
    axes.plot(epochs, values, color=COLOURS[i], ls=STYLES[i % 4], lw=1.8, marker=marker, ms=3.5, label=name)


def _mark_phases(axes: "Axes", phases: Sequence[str]) -> None:
    from matplotlib.ticker import MaxNLocator

    changes = [i for i in range(1, len(phases)) if phases[i] != phases[i - 1]]
    for i in changes:
        axes.axvline(i + 0.5, color=FAINT, lw=1, ls=(0, (2, 3)))
        axes.annotate(
            phases[i], (i + 0.5, 1), (3, -3), xycoords=("data", "axes fraction"), textcoords="offset points",
            va="top", fontsize=8, color=FAINT,
        )  # fmt: skip
    axes.set_xlim(0.5, len(phases) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _read_history(path: Path) -> list[dict[str, str]]:
    try:
        table = read_table(path, "train again")
        rows = [{name: row.values.get(name, "") for name in table.columns} for row in table.rows]
        for row in rows:
            _ = [float(value) for name, value in row.items() if name != "phase" and value]
    except (DataError, ValueError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise RunError(f"{path}: cannot be read as a history ({reason}); train again") from error
    if not rows:
        raise RunError(f"{path}: no epoch; expected one row for each epoch; train again")
    return rows
