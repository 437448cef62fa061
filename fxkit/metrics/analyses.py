"""Analyses of predictions beyond the figures of `fxkit.metrics.summary`, as metrics.json holds them."""

from pydantic import Field

from fxkit.metrics.calibration import Calibration
from fxkit.metrics.decision_curve import DecisionCurve
from fxkit.metrics.json_result import JsonResult
from fxkit.metrics.operating_points import OperatingPoint
from fxkit.metrics.subgroups import Subgroup


class Analyses(JsonResult):
    """Calibration, operating points, decision curve and subgroups of one set of predictions.

    Attributes:
        calibration: level (file, film or group) -> calibration.
        decision_curve: decision curve by film; None for more than two classes, or if all films are of one class.
        subgroups: subgroups with their figures by film.
        multiplicity: a sentence on how many gaps between subgroups chance alone would produce; "" without subgroups.
        notes: messages on the table of subgroups: what of it was not read, and how its cells were read.
    """

    calibration: dict[str, Calibration] = Field({})
    operating_points: tuple[OperatingPoint, ...] = ()
    decision_curve: DecisionCurve | None = None
    subgroups: tuple[Subgroup, ...] = ()
    multiplicity: str = ""
    notes: tuple[str, ...] = ()
