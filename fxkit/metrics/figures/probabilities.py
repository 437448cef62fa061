"""Figures of what probabilities mean and are worth: reliability diagram and decision curve, as PNG bytes."""

from collections.abc import Sequence

from fxkit.metrics.calibration import Calibration
from fxkit.metrics.decision_curve import DecisionCurve
from fxkit.metrics.figures.style import COLOURS, FAINT, draw_legend, frame_square, png, start_figure
from fxkit.metrics.intervals import Interval


def draw_reliability(found: Calibration, *, stamp: str = "") -> bytes:
    """Draw the share that came true against the mean probability of each bin, with intervals; return PNG bytes."""
    figure, axes = start_figure(4.4, 4.2)
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (2, 3)))
    x, shares = [one.mean for one in found.bins], [one.share for one in found.bins]
    y = [share.value for share in shares]
    errors = [[s.value - s.low for s in shares], [s.high - s.value for s in shares]]
    axes.errorbar(x, y, yerr=errors, color=COLOURS[0], fmt="o-", lw=1.6, ms=4, elinewidth=1, capsize=2)
    name = found.of if len(found.of) <= 20 else found.of[:19] + "…"
    frame_square(axes, f"mean probability of {name}".replace("$", r"\$"), "share that came true")
    return png(figure, stamp)


def draw_decision_curve(found: DecisionCurve, *, stamp: str = "") -> bytes:
    """Draw net benefit against the threshold: model with its interval, all films, no film; return PNG bytes."""
    figure, axes = start_figure(5.2, 4.0)
    model, everybody = (_values(side) for side in (found.model, found.everybody))
    low, high = ([getattr(one, end) for one in found.model] for end in ("low", "high"))
    axes.fill_between(found.thresholds, low, high, color=COLOURS[0], alpha=0.18, lw=0)
    axes.plot(found.thresholds, model, color=COLOURS[0], lw=2, label="model")
    axes.plot(found.thresholds, everybody, color=COLOURS[1], lw=1.6, ls="--", label="call all films positive")
    axes.axhline(0, color=FAINT, lw=1.2, ls=(0, (2, 3)), label="call none positive")
    top = max([0.05, *(value for value in (*high, *everybody) if value == value)])
    axes.set(xlim=(0, 1), ylim=(-0.35 * top, 1.05 * top))
    axes.set(xlabel="probability from which one would act", ylabel="net benefit, true positives a film")
    draw_legend(axes, "upper right")
    return png(figure, stamp)


def _values(side: Sequence[Interval]) -> list[float]:
    return [one.value for one in side]
