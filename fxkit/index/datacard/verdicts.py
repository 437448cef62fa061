"""Figures and verdicts of the metadata-only baseline, as written to data.json.

Reading them needs none of the libraries that compute them.
"""

import math
from collections.abc import Sequence

from pydantic import Field

from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult

ALL = "all metadata"  # the figure that uses all kinds of metadata together

FAR_ABOVE, ABOVE, NONE, UNDECIDED = "far above chance", "above chance", "no evidence", "undecided"

CHANCE = 0.5  # AUROC

FAR = 0.6  # an AUROC above it is far above chance: the distance is twice the margin of the ablations, 0.05

EXCLUDED = 0.7  # "no evidence" requires an interval that ends below this AUROC


class KindScore(JsonResult):
    """How well one kind of metadata predicts the class by itself.

    Attributes:
        kind: kind of metadata, or ALL.
        auroc: AUROC by film, with an interval over groups; the mean over classes if there are more than two.
        n_films: films whose metadata of this kind are known.
        verdict: FAR_ABOVE, ABOVE, NONE or UNDECIDED.
    """

    kind: str
    auroc: Interval = Field(alias="found")
    n_films: int
    verdict: str


class Baseline(JsonResult):
    """Result of the metadata-only baseline.

    Attributes:
        figures: all metadata first, then each kind alone.
        verdict: verdict of the strongest figure if it is above chance, else of all metadata.
        n_films: films that were used.
        n_groups: groups of these films.
        n_left_out: further films, left out because there were too many.
    """

    figures: tuple[KindScore, ...]
    verdict: str
    n_films: int
    n_groups: int
    n_left_out: int

    @property
    def decisive(self) -> KindScore:
        """The figure that the verdict belongs to: the strongest if it is above chance, else that of all metadata."""
        return decisive(self.figures)


def decisive(figures: Sequence[KindScore]) -> KindScore:
    """Return the figure with the highest lower limit if that is above chance, else the first figure."""
    strongest = max(figures, key=lambda figure: -1.0 if math.isnan(figure.auroc.low) else figure.auroc.low)
    return strongest if strongest.verdict in (FAR_ABOVE, ABOVE) else figures[0]


def verdict_of(auroc: Interval) -> str:
    """Return the verdict on an AUROC by its interval."""
    if not auroc.low <= auroc.high:
        return UNDECIDED
    if auroc.low > CHANCE:
        return FAR_ABOVE if auroc.low > FAR else ABOVE
    return NONE if auroc.high < EXCLUDED else UNDECIDED
