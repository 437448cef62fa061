"""Figures as PNG bytes: readable in print and by colour-blind readers. Each bears its `stamp`, such as of leaks.

They are drawn on matplotlib's `Figure` itself: pyplot would keep global state and ask for a screen.
"""

import csv
import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fxkit.bootstrap import RESAMPLES, resampled_weights
from fxkit.errors import RunError
from fxkit.predictions import Predictions
from fxkit.scores import Floats, Mask, tied

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color universal design": told apart with any colour vision; in grey, styles do.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
INK, FAINT, WARNING = "#1b2733", "#8794a1", "#b00020"
DPI = 160
GRID = 201  # points of the false positive rate at which a ROC band is drawn
INSIDE = 4  # more curves than this leave no free corner for their legend
CELLS = 12  # more classes than this get no numbers in the confusion matrix


def draw_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], *, stamp: str = "") -> bytes:
    """Draw (C, C) counts, truth by row, shaded by the share of the row; return PNG bytes."""
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.55 * len(classes)
    figure, axes = start_figure(side + 0.4, side)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for spine in axes.spines.values():
        spine.set_visible(False)
    ticks = range(len(classes))
    names = [_short(name) for name in classes]
    turned: dict[str, Any] = {"rotation": 40, "ha": "right"} if len(classes) > 3 else {}
    axes.set_xticks(ticks, names, **turned)
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0)
    axes.set(xlabel="decision", ylabel="truth")
    if len(classes) <= CELLS:
        _write_cells(axes, counts, shares)
    return png(figure, stamp)


def _write_cells(axes: "Axes", counts: Floats, shares: Floats) -> None:
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        text = f"{count:.0f}\n{100 * share:.0f} %" if len(counts) <= 5 else f"{count:.0f}"
        colour = "white" if share > 0.55 else INK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9 if len(counts) > 5 else 11)


def draw_roc(predictions: Predictions, *, seed: int = 0, resamples: int = RESAMPLES, stamp: str = "") -> bytes:
    """Draw the ROC curve; return PNG bytes.

    Of two classes the band holds 95 % of the curves of resampled groups, point by point. Of more classes each
    has a curve against the others, without bands.
    """
    known = predictions.known()
    figure, axes = start_figure(4.4 if len(known.classes) <= INSIDE else 6.0, 4.2)
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (2, 3)))
    axes.text(0.62, 0.6, "chance", color=FAINT, fontsize=8, rotation=42, va="top")
    if len(known.classes) == 2:
        _band(axes, known, seed, resamples)
    for name, positive, scores, colour, style in _curves(known):
        down, up = roc_points(positive, scores)
        axes.plot(down, up, color=colour, ls=style, lw=2, label=name)
    frame_square(axes, "false positive rate (1 - specificity)", "true positive rate (sensitivity)")
    draw_legend(axes, "lower right")
    return png(figure, stamp)


def _band(axes: "Axes", known: Predictions, seed: int, resamples: int) -> None:
    grid = np.linspace(0, 1, GRID)
    curves = roc_curves(known, grid, seed=seed, resamples=resamples)
    if len(curves):
        low, high = np.quantile(curves, [0.025, 0.975], axis=0)
        axes.fill_between(grid, low, high, color=COLOURS[0], alpha=0.18, lw=0, label="95 % of resampled groups")


def roc_points(positive: Mask, scores: Floats) -> tuple[Floats, Floats]:
    """Return false and true positive rates, from (0, 0) to (1, 1), one point a distinct score."""
    up, down = (_rates(part)[0] for part in tied(np.ones((1, len(scores))), positive, scores))
    return down, up


def roc_curves(known: Predictions, grid: Floats, *, seed: int, resamples: int) -> Floats:
    """Return (B, len(grid)) true positive rates of resampled groups; resamples of one class are left out."""
    positive, scores = known.labels == 1, known.probabilities[:, 1]
    if not 0 < positive.sum() < len(positive):
        return np.zeros((0, len(grid)))
    curves = []
    for weights in resampled_weights(known.groups, resamples, seed):
        up, down = tied(weights, positive, scores)
        both = (up.sum(axis=1) > 0) & (down.sum(axis=1) > 0)
        pairs = zip(_rates(down[both]), _rates(up[both]), strict=True)
        curves += [np.interp(grid, x, y) for x, y in pairs]
    return np.array(curves).reshape(-1, len(grid))


def _rates(weights: Floats) -> Floats:
    """(B, U) weights at rising scores -> (B, U + 1) shares at or above each score, from 0 to 1."""
    found = np.cumsum(weights[:, ::-1], axis=1)
    shares = found / np.maximum(found[:, -1:], 1e-12)
    return np.concatenate([np.zeros((len(weights), 1)), shares], axis=1)


def draw_precision_recall(predictions: Predictions, *, stamp: str = "") -> bytes:
    """Draw precision against recall, and chance where there are two classes; return PNG bytes."""
    known = predictions.known()
    figure, axes = start_figure(4.4 if len(known.classes) <= INSIDE else 6.0, 4.2)
    if len(known.classes) == 2 and len(known):
        share = float((known.labels == 1).mean())
        axes.axhline(share, color=FAINT, lw=1, ls=(0, (2, 3)))
        axes.text(0.02, share + 0.01, f"chance: {100 * share:.0f} % are positive", color=FAINT, fontsize=8)
    for name, positive, scores, colour, style in _curves(known):
        recall, precision = precision_recall_points(positive, scores)
        axes.plot(recall, precision, color=colour, ls=style, lw=2, drawstyle="steps-pre", label=name)
    frame_square(axes, "recall (sensitivity)", "precision (PPV)")
    draw_legend(axes, "lower left")
    return png(figure, stamp)


def precision_recall_points(positive: Mask, scores: Floats) -> tuple[Floats, Floats]:
    """Return recall and precision at each distinct score, from the highest score down."""
    up, down = (np.cumsum(part[0][::-1]) for part in tied(np.ones((1, len(scores))), positive, scores))
    recall, precision = up / max(up[-1], 1), up / (up + down)
    return np.insert(recall, 0, 0.0), np.insert(precision, 0, precision[0])


def _curves(known: Predictions) -> list[tuple[str, Mask, Floats, str, Any]]:
    """Name, truth, scores, colour and style of each curve; classes without files or rivals have none."""
    indices = [1] if len(known.classes) == 2 else range(len(known.classes))
    drawn = []
    for i, k in enumerate(indices):
        positive = known.labels == k
        if 0 < positive.sum() < len(positive):
            style = STYLES[(i // len(COLOURS) + i % len(COLOURS)) % len(STYLES)]
            colour = COLOURS[i % len(COLOURS)]
            drawn.append((_short(known.classes[k]), positive, known.probabilities[:, k], colour, style))
    return drawn


def draw_history(path: str | Path, *, stamp: str = "") -> bytes:
    """Draw a history.csv (phase, epoch and columns of numbers): losses left, the scores in 0..1 right.

    Raises:
        RunError: not readable, or without an epoch.
    """
    rows = _read_history(Path(path))
    figure, (left, right) = _start_pair()
    phases = [row.get("phase", "") for row in rows]
    for name in rows[0]:
        if name in ("phase", "epoch") or not any(row[name] for row in rows):
            continue
        axes = left if name.endswith("loss") else right
        _line(axes, name, [float(row[name]) if row[name] else np.nan for row in rows])
    losses = [float(row.get("val_loss") or "inf") for row in rows]
    for axes, title in ((left, "loss"), (right, "score on the validation part")):
        _mark_phases(axes, phases)
        if min(losses) < float("inf"):
            axes.axvline(losses.index(min(losses)) + 1, color=COLOURS[2], lw=1, ls="--", label="kept epoch")
        axes.set_xlabel("epoch, both phases counted")
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
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
        for row in rows:
            _ = [float(value) for name, value in row.items() if name != "phase" and value]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read as a history ({error}); train again") from error
    if not rows:
        raise RunError(f"{path}: no epoch; expected one row an epoch; train again")
    return rows


def start_figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """Return a figure of this size in inches, and its axes, in the common style."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    style(axes)
    return figure, axes


def _start_pair() -> "tuple[Figure, tuple[Axes, Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.3), layout="constrained")
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    for axes in (left, right):
        style(axes)
        axes.grid(axis="y", color="#e3e8ec", lw=0.8)
    return figure, (left, right)


def style(axes: "Axes") -> None:
    """Give axes the look of all figures, in place."""
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)


def frame_square(axes: "Axes", x: str, y: str) -> None:
    """Name the axes, and let both run from 0 to 1."""
    axes.set(xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal")
    axes.grid(color="#e3e8ec", lw=0.8)


def draw_legend(axes: "Axes", place: str) -> None:
    """Name the curves inside the axes, or beside them where there are many."""
    look: dict[str, Any] = {"loc": place, "framealpha": 0.9, "edgecolor": "none", "fontsize": 8.5}
    names = axes.get_legend_handles_labels()[1]
    if len(names) > INSIDE:
        axes.legend(**look | {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)})
    elif names:
        axes.legend(**look)


def _short(name: str) -> str:
    """A class name for an axis; a dollar sign would start a formula."""
    text = name if len(name) <= 20 else name[:19] + "…"
    return text.replace("$", r"\$")


def write_stamp(figure: "Figure", stamp: str) -> None:
    """Write a line above a figure, as of a leaking split, so that it stays with the picture wherever that goes."""
    columns = max(20, round(14 * figure.get_figwidth()))
    figure.suptitle(textwrap.fill(stamp, columns).replace("$", r"\$"), color=WARNING, fontsize=8, fontweight="bold")


def png(figure: "Figure", stamp: str = "") -> bytes:
    """Return a figure, bearing the stamp where there is one, as PNG bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if stamp:
        write_stamp(figure, stamp)
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()
