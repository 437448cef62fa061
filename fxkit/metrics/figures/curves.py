"""Confusion matrix, ROC curve and precision-recall curve as PNG bytes, readable in print and by colour-blind readers.

A stamp, such as the warning of a leaking split, is drawn above the picture. The functions use matplotlib's `Figure`
directly, because pyplot keeps global state and may need a screen.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fxkit.metrics.bootstrap import RESAMPLES
from fxkit.metrics.figures.style import (
    COLOURS,
    FAINT,
    INK,
    INSIDE,
    STYLES,
    draw_legend,
    frame_square,
    of_positive,
    png,
    shorten,
    start_figure,
    write_undefined,
)
from fxkit.metrics.fold_ranks import ranks_within_folds
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.ranking import rank_rows, tied
from fxkit.metrics.resamples import over_resamples
from fxkit.metrics.scores import Floats, Ints, Mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 201  # false positive rates at which the ROC band is computed

CELLS = 12  # with more classes, the confusion matrix shows no numbers


def draw_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], *, stamp: str = "") -> bytes:
    """Draw a confusion matrix of (C, C) counts, true class by row; shades show shares of the row. Return PNG bytes."""
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.55 * len(classes)
    figure, axes = start_figure(side + 0.4, side)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for spine in axes.spines.values():
        spine.set_visible(False)
    ticks = range(len(classes))
    names = [shorten(name) for name in classes]
    turned: dict[str, Any] = {"rotation": 40, "ha": "right"} if len(classes) > 3 else {}
    axes.set_xticks(ticks, names, **turned)
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted class", ylabel="true class")
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

    With two classes, a band contains 95 % of the curves of resampled groups, point by point. With more classes, each
    class has a curve against the others, without a band. Curves of several folds are averaged, so that the area is the
    out-of-fold AUROC.
    """
    known = predictions.known()
    figure, axes = start_figure(4.4 if len(known.classes) <= INSIDE else 6.0, 4.2)
    if known.folds is not None:
        axes.set_title("mean of the folds' curves, weighted by pairs of films", color=INK, fontsize=8)
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (2, 3)))
    axes.text(0.62, 0.6, "chance", color=FAINT, fontsize=8, rotation=42, va="top")
    if len(known.classes) == 2:
        _band(axes, known, seed, resamples)
    for name, positive, scores, colour, style in _curves(known):
        down, up = roc_points(positive, scores, known.folds)
        axes.plot(down, up, color=colour, ls=style, lw=2, label=name)
    if not _curves(known):
        write_undefined(axes)
    across = of_positive("false positive rate (1 - specificity)", known.classes)
    frame_square(axes, across, "true positive rate (sensitivity)")
    draw_legend(axes, "lower right")
    return png(figure, stamp)


def _band(axes: "Axes", known: Predictions, seed: int, resamples: int) -> None:
    grid = np.linspace(0, 1, GRID)
    curves = roc_curves(known, grid, seed=seed, resamples=resamples)
    if len(curves):
        low, high = np.quantile(curves, [0.025, 0.975], axis=0)
        axes.fill_between(grid, low, high, color=COLOURS[0], alpha=0.18, lw=0, label="95 % of resampled groups")


def roc_points(positive: Mask, scores: Floats, folds: Ints | None = None) -> tuple[Floats, Floats]:
    """Return false and true positive rates, from (0, 0) to (1, 1), one point for each distinct score.

    With folds, the curves of the folds are averaged at each false positive rate, and weighted by their pairs of a
    positive and a negative. The area is then that of `weighted_auroc`. Without any pair, both are NaN.

    Args:
        positive: (N,) bool.
        scores: (N,); higher scores mean positive.
        folds: (N,) fold of each film, or None.
    """
    parts = [np.ones(len(scores), bool)] if folds is None else [folds == fold for fold in np.unique(folds)]
    tables = [tied(np.ones((1, int(part.sum()))), positive[part], scores[part]) for part in parts]
    pairs = np.array([float(up.sum() * down.sum()) for up, down in tables])
    curves = [(_rates(down)[0], _rates(up)[0]) for up, down in tables]
    if len(curves) == 1:
        return curves[0]
    if not pairs.any():
        return np.full(2, np.nan), np.full(2, np.nan)
    grid = np.unique(np.concatenate([down for down, _ in curves]))
    both = [_both_sides(*curve, grid) for curve, n in zip(curves, pairs, strict=True) if n]
    return np.repeat(grid, 2), np.average(both, axis=0, weights=pairs[pairs > 0]).ravel()


def _both_sides(down: Floats, up: Floats, grid: Floats) -> Floats:
    """Return (G, 2): lowest and highest true positive rate of a curve at each false positive rate of the grid."""
    rates, first = np.unique(down, return_index=True)
    low, high = up[first], up[np.append(first[1:], len(up)) - 1]
    i = np.searchsorted(rates, grid, side="right") - 1
    after = np.minimum(i + 1, len(rates) - 1)
    width = np.where(after > i, rates[after] - rates[i], 1.0)
    between = high[i] + (low[after] - high[i]) * (grid - rates[i]) / width
    at_point = rates[i] == grid
    return np.stack([np.where(at_point, low[i], between), np.where(at_point, high[i], between)], axis=1)


def roc_curves(known: Predictions, grid: Floats, *, seed: int, resamples: int) -> Floats:
    """Return (B, len(grid)) true positive rates of resampled groups, without resamples that have one class only.

    Curves of several folds are averaged as in `roc_points`.
    """
    positive, scores = known.labels == 1, known.probabilities[:, 1]
    if not 0 < positive.sum() < len(positive):
        return np.zeros((0, len(grid)))
    ranked = rank_rows(positive, scores, known.folds)

    def curves(weights: Floats) -> Floats:
        sums, pairs = np.zeros((len(weights), len(grid))), np.zeros(len(weights))
        for fold in ranked:
            up, down = (part.T for part in fold.sums(weights))
            n = up.sum(axis=1) * down.sum(axis=1)
            for b, x, y in zip(np.flatnonzero(n), _rates(down[n > 0]), _rates(up[n > 0]), strict=True):
                sums[b] += n[b] * np.interp(grid, x, y)
            pairs += n
        with np.errstate(invalid="ignore"):
            return np.asarray((sums / pairs[:, None]).T)

    by_resample = np.concatenate(over_resamples(curves, known.groups, resamples, seed), axis=1).T
    return np.asarray(by_resample[~np.isnan(by_resample[:, 0])])


def _rates(weights: Floats) -> Floats:
    """Return the share of the weight at or above each score: (B, U) weights, by rising score -> (B, U + 1) shares."""
    sums = np.cumsum(weights[:, ::-1], axis=1)
    shares = sums / np.maximum(sums[:, -1:], 1e-12)
    return np.concatenate([np.zeros((len(weights), 1)), shares], axis=1)


def draw_precision_recall(predictions: Predictions, *, stamp: str = "") -> bytes:
    """Draw precision against recall, with the chance level for two classes; return PNG bytes.

    Films of several folds are ordered by their rank within the fold.
    """
    known = predictions.known()
    figure, axes = start_figure(4.4 if len(known.classes) <= INSIDE else 6.0, 4.2)
    if known.folds is not None:
        axes.set_title("all folds, films ordered by their rank within the fold", color=INK, fontsize=8)
    if not _curves(known):
        write_undefined(axes)
    elif len(known.classes) == 2:
        share = float((known.labels == 1).mean())
        axes.axhline(share, color=FAINT, lw=1, ls=(0, (2, 3)))
        axes.text(0.02, share + 0.01, f"chance: {100 * share:.0f} % are positive", color=FAINT, fontsize=8)
    for name, positive, scores, colour, style in _curves(known):
        recall, precision = precision_recall_points(positive, ranks_within_folds(scores, known.folds))
        axes.plot(recall, precision, color=colour, ls=style, lw=2, drawstyle="steps-pre", label=name)
    frame_square(axes, of_positive("recall (sensitivity)", known.classes), "precision (PPV)")
    draw_legend(axes, "lower left")
    return png(figure, stamp)


def precision_recall_points(positive: Mask, scores: Floats) -> tuple[Floats, Floats]:
    """Return recall and precision at each distinct score, from the highest score down."""
    up, down = (np.cumsum(part[0][::-1]) for part in tied(np.ones((1, len(scores))), positive, scores))
    recall, precision = up / max(up[-1], 1), up / (up + down)
    return np.insert(recall, 0, 0.0), np.insert(precision, 0, precision[0])


def _curves(known: Predictions) -> list[tuple[str, Mask, Floats, str, Any]]:
    """Return name, true class, scores, colour and line style of each curve.

    A class that no file or every file belongs to has no curve.
    """
    indices = [1] if len(known.classes) == 2 else range(len(known.classes))
    curves = []
    for i, k in enumerate(indices):
        positive = known.labels == k
        if 0 < positive.sum() < len(positive):
            style = STYLES[(i // len(COLOURS) + i % len(COLOURS)) % len(STYLES)]
            colour = COLOURS[i % len(COLOURS)]
            curves.append((shorten(known.classes[k]), positive, known.probabilities[:, k], colour, style))
    return curves
