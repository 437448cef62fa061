"""The audit's picture: every headline figure of the run on one scale with chance."""

from collections.abc import Sequence
from dataclasses import dataclass

from fxkit.audit.evidence import Evidence
from fxkit.audit.rules import CHANCE
from fxkit.metrics.figures.style import COLOURS, FAINT, png, start_figure
from fxkit.report.results import Estimate


@dataclass(frozen=True)
class Row:
    """A figure to draw; `marker` tells its kind without colour."""

    name: str
    found: Estimate
    marker: str
    colour: str


def rows_of(e: Evidence) -> list[Row]:
    """Return the headline figures by film that have an interval: own films, other data, metadata alone."""
    report = e.report
    told = [("test films", report.scores, "o", COLOURS[0])]
    told += [("out of fold, pooled", report.folds.scores if report.folds else None, "o", COLOURS[0])]
    told += [(f"{s.name}: not a test", s, "^", FAINT) for s in report.splits]
    told += [(f"other data: {s.name}", s, "s", COLOURS[2]) for s in report.others]
    rows = [Row("mean of folds", report.folds.mean, "o", COLOURS[0])] if report.folds else []
    rows += [Row(name, s.film.headline, marker, colour) for name, s, marker, colour in told if s]
    if e.metadata and e.metadata.strongest:
        strongest = e.metadata.strongest
        rows.append(Row(f"without the image: {strongest.name}", strongest, "D", COLOURS[1]))
    return [row for row in rows if row.found.drawable]


def draw_figures(rows: Sequence[Row], stamp: str = "") -> bytes:
    """Draw the figures with their intervals, from 0 to 1; return PNG bytes."""
    figure, axes = start_figure(7.2, 0.9 + 0.42 * len(rows))
    for y, row in enumerate(rows):
        found = row.found
        axes.plot([found.low, found.high], [y, y], color=row.colour, lw=2.5, solid_capstyle="butt")
        axes.plot([found.value], [y], row.marker, color=row.colour, ms=8, mec="white")
    axes.axvline(CHANCE, color=FAINT, lw=1, ls=(0, (2, 3)))
    axes.set_yticks(range(len(rows)), [row.name.replace("$", r"\$") for row in rows])
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6), xlabel="AUROC by film, 95 % interval; dotted: chance")
    return png(figure, stamp)
