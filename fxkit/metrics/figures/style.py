"""Common style of all pictures."""

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fxkit.data.positive import positive_class

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Okabe and Ito 2008, "Color universal design": readable with any colour vision; line styles differ in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

STYLES = ("-", "--", "-.", ":")

INK, FAINT, WARNING = "#1b2733", "#8794a1", "#b00020"

DPI = 160

INSIDE = 4  # with more curves, the legend is placed beside the axes


def start_figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """Return a figure of this size in inches and its axes, in the common style."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    style(axes)
    return figure, axes


def start_pair() -> "tuple[Figure, tuple[Axes, Axes]]":
    """Return a figure with two axes side by side, in the common style."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.3), layout="constrained")
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    for axes in (left, right):
        style(axes)
        axes.grid(axis="y", color="#e3e8ec", lw=0.8)
    return figure, (left, right)


def style(axes: "Axes") -> None:
    """Apply the common style to axes, in place."""
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)


def frame_square(axes: "Axes", x: str, y: str) -> None:
    """Label both axes and set their range to 0..1."""
    axes.set(xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal")
    axes.grid(color="#e3e8ec", lw=0.8)


def draw_legend(axes: "Axes", place: str) -> None:
    """Draw the legend inside the axes, or beside them if there are many curves."""
    look: dict[str, Any] = {"loc": place, "framealpha": 0.9, "edgecolor": "none", "fontsize": 8.5}
    names = axes.get_legend_handles_labels()[1]
    if len(names) > INSIDE:
        axes.legend(**look | {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)})
    elif names:
        axes.legend(**look)


def shorten(name: str) -> str:
    """Return a class name for an axis: at most 20 characters, with dollar signs escaped for matplotlib."""
    text = name if len(name) <= 20 else name[:19] + "…"
    return text.replace("$", r"\$")


def write_undefined(axes: "Axes") -> None:
    """Write in the middle of axes from 0 to 1 that there is nothing to draw."""
    axes.text(0.5, 0.3, "undefined (one class)", color=INK, fontsize=10, ha="center")


def of_positive(text: str, classes: Sequence[str]) -> str:
    """Return the label of an axis with the positive class below it, where there is one."""
    return f"{text}\npositive class: {shorten(positive_class(classes))}" if positive_class(classes) else text


def write_stamp(figure: "Figure", stamp: str) -> None:
    """Write the stamp above a figure, so that it stays with the picture when the picture is copied."""
    columns = max(20, round(14 * figure.get_figwidth()))
    figure.suptitle(textwrap.fill(stamp, columns).replace("$", r"\$"), color=WARNING, fontsize=8, fontweight="bold")


def png(figure: "Figure", stamp: str = "") -> bytes:
    """Return a figure as PNG bytes, with the stamp if there is one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if stamp:
        write_stamp(figure, stamp)
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()
