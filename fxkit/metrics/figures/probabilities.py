"""Reliability diagram and decision curve, as PNG bytes."""

import math
from collections.abc import Sequence

from fxkit.metrics.calibration import Calibration
from fxkit.metrics.decision_curve import DecisionCurve
from fxkit.metrics.figures.style import (
    COLOURS,
    FAINT,
    draw_legend,
    frame_square,
    png,
    shorten,
    start_figure,
    write_undefined,
)
from fxkit.metrics.intervals import Interval


def draw_reliability(calibration: Calibration, *, stamp: str = "") -> bytes:
    """Draw observed share against mean predicted probability for each bin, with intervals; return PNG bytes."""
    figure, axes = start_figure(4.4, 4.2)
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (2, 3)))
    x, shares = [b.mean for b in calibration.bins], [b.share for b in calibration.bins]
    y = [share.value for share in shares]
    errors = [[s.value - s.low for s in shares], [s.high - s.value for s in shares]]
    axes.errorbar(x, y, yerr=errors, color=COLOURS[0], fmt="o-", lw=1.6, ms=4, elinewidth=1, capsize=2)
    if math.isnan(calibration.ece):
        write_undefined(axes)
    frame_square(axes, f"mean predicted probability of {shorten(calibration.of)}", "observed share")
    return png(figure, stamp)


def draw_decision_curve(curve: DecisionCurve, *, stamp: str = "") -> bytes:
    """Draw net benefit against the threshold: model with interval, all films, no film; return PNG bytes."""
    figure, axes = start_figure(5.2, 4.0)
    model, everybody = (_values(side) for side in (curve.model, curve.everybody))
    low, high = ([getattr(one, end) for one in curve.model] for end in ("low", "high"))
    axes.fill_between(curve.thresholds, low, high, color=COLOURS[0], alpha=0.18, lw=0)
    axes.plot(curve.thresholds, model, color=COLOURS[0], lw=2, label="model")
    axes.plot(curve.thresholds, everybody, color=COLOURS[1], lw=1.6, ls="--", label="call all films positive")
    axes.axhline(0, color=FAINT, lw=1.2, ls=(0, (2, 3)), label="call none positive")
    top = max([0.05, *(value for value in (*high, *everybody) if value == value)])
    axes.set(xlim=(0, 1), ylim=(-0.35 * top, 1.05 * top))
    of = f" of {shorten(curve.positive)}" if curve.positive else ""
    axes.set(xlabel=f"threshold probability{of}", ylabel="net benefit, true positives per film")
    draw_legend(axes, "upper right")
    return png(figure, stamp)


def _values(intervals: Sequence[Interval]) -> list[float]:
    return [interval.value for interval in intervals]
