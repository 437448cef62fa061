"""What is told of predictions beside the figures of merit: calibration, operating points, decision curve, subgroups."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fxkit.data.manifest import Record
from fxkit.metrics.calibration import Calibration, calibration
from fxkit.metrics.decision_curve import DecisionCurve, decision_curve
from fxkit.metrics.figures.probabilities import draw_decision_curve, draw_reliability
from fxkit.metrics.operating_points import OperatingPoint, Target, operating_points
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.subgroups import (
    Attribute,
    Subgroup,
    marker_attributes,
    multiplicity,
    read_attributes,
    record_attributes,
    subgroups,
)
from fxkit.metrics.summary import as_json
from preprocess.files import write_atomic
from preprocess.known_markers import read_known_markers


@dataclass(frozen=True)
class Asked:
    """What a user wants to know beside the usual figures.

    Attributes:
        targets: of operating points; where there are none but a prevalence, the model's threshold is one.
        prevalence: share of positives where PPV, NPV and net benefit shall hold.
        markers: cleaned folder, ledger or COCO file that tells which films bear markers.
        table: CSV file with a row for each film, whose columns make subgroups.
        columns: those of the table to take; all that are fit if none is named.
    """

    targets: tuple[Target, ...] = ()
    prevalence: float | None = None
    markers: Path | None = None
    table: Path | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Details:
    """What was found; curve is None for more than two classes, calibration by level as in metrics.json."""

    calibration: dict[str, Calibration]
    operating_points: tuple[OperatingPoint, ...]
    decision_curve: DecisionCurve | None
    subgroups: tuple[Subgroup, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts and numbers for metrics.json; undefined figures are None."""
        plain: dict[str, Any] = as_json(asdict(self))
        return plain | {"multiplicity": multiplicity(self.subgroups) if self.subgroups else ""}


def find_details(
    predictions: Predictions,
    records: Sequence[Record],
    asked: Asked,
    *,
    threshold: float = 0.5,
    validation: Callable[[], Predictions],
) -> Details:
    """Return calibration and decision curve by film, and what was asked for.

    Args:
        records: those predicted.
        threshold: the model's.
        validation: gives the validation films as the model predicts them; called only if a target needs them.
    Raises:
        DataError: a target cannot be met, or a table does not fit.
        ConfigError: no such prevalence.
    """
    known = predictions.known()
    levels = {"file": known, "film": known.by_film(), "group": known.by_group().known()}
    points: tuple[OperatingPoint, ...] = ()
    targets = asked.targets or ((Target("threshold", threshold),) if asked.prevalence is not None else ())
    if targets:
        chosen_on = None if all(target.is_given for target in targets) else validation()
        points = operating_points(predictions, targets, chosen_on, prevalence=asked.prevalence)
    two = len(predictions.classes) == 2
    return Details(
        calibration={name: calibration(part) for name, part in levels.items() if len(part)},
        operating_points=points,
        decision_curve=decision_curve(levels["film"], prevalence=asked.prevalence) if two else None,
        subgroups=subgroups(predictions, attributes_of(records, asked), threshold=threshold),
    )


def attributes_of(records: Sequence[Record], asked: Asked) -> dict[str, Attribute]:
    """Return what is known of the films that may make subgroups."""
    found = record_attributes(records)
    paths = [record.path for record in records]
    if asked.markers is not None:
        found |= marker_attributes(paths, read_known_markers(asked.markers))
    if asked.table is not None:
        found |= read_attributes(asked.table, paths, asked.columns)
    return found


def write_pictures_of(folder: Path, details: Details, stamp: str = "") -> None:
    """Draw reliability.png and, of two classes, decision_curve.png, by film, into folder; each bears the stamp."""
    write_atomic(folder / "reliability.png", draw_reliability(details.calibration["film"], stamp=stamp))
    if details.decision_curve is not None:
        write_atomic(folder / "decision_curve.png", draw_decision_curve(details.decision_curve, stamp=stamp))
