"""Picture of the audit: every headline metric of the run on one scale, with chance."""

from collections.abc import Sequence
from dataclasses import dataclass

from fxkit.audit.evidence import Evidence
from fxkit.audit.rules import CHANCE
from fxkit.metrics.figures.style import COLOURS, FAINT, png, start_figure
from fxkit.metrics.intervals import Interval


@dataclass(frozen=True)
class Row:
    """One metric in the picture; the marker symbol shows its kind to readers who do not see the colour."""

    name: str
    interval: Interval
    marker: str
    colour: str


def collect_rows(evidence: Evidence) -> list[Row]:
    """Return the headline metrics by film that have an interval: own films, other data, and metadata alone."""
    report = evidence.report
    scores = [("test films", report.scores, "o", COLOURS[0])]
    scores += [("out of fold, pooled", report.folds.pooled if report.folds else None, "o", COLOURS[0])]
    scores += [(f"{s.name}: not a test", s, "^", FAINT) for s in report.splits]
    scores += [(f"other data: {s.name}", s, "s", COLOURS[2]) for s in report.others]
    rows = [Row("mean of folds", report.folds.folds.mean, "o", COLOURS[0])] if report.folds else []
    rows += [Row(name, s.metrics.film.headline, marker, colour) for name, s, marker, colour in scores if s]
    metadata = evidence.metadata
    if metadata and metadata.strongest:
        rows.append(Row(f"without the image: {metadata.kind}", metadata.strongest, "D", COLOURS[1]))
    return [row for row in rows if row.interval.drawable]


def draw_rows(rows: Sequence[Row], stamp: str = "") -> bytes:
    """Draw the metrics with their intervals on an axis from 0 to 1; return PNG bytes."""
    figure, axes = start_figure(7.2, 0.9 + 0.42 * len(rows))
    for y, row in enumerate(rows):
        interval = row.interval
        axes.plot([interval.low, interval.high], [y, y], color=row.colour, lw=2.5, solid_capstyle="butt")
        axes.plot([interval.value], [y], row.marker, color=row.colour, ms=8, mec="white")
    axes.axvline(CHANCE, color=FAINT, lw=1, ls=(0, (2, 3)))
    axes.set_yticks(range(len(rows)), [row.name.replace("$", r"\$") for row in rows])
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6), xlabel="AUROC by film with 95 % interval; dotted line: chance")
    return png(figure, stamp)
