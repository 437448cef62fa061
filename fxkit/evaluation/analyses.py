"""Further analyses of predictions: calibration, operating points, decision curve and subgroups."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fxkit.data.manifest import Record
from fxkit.metrics.analyses import Analyses
from fxkit.metrics.attribute_table import Attribute, read_attributes
from fxkit.metrics.calibration import Calibration, calibration
from fxkit.metrics.decision_curve import decision_curve
from fxkit.metrics.figures.probabilities import draw_decision_curve, draw_reliability
from fxkit.metrics.operating_points import OperatingPoint, Target, operating_points
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.subgroups import marker_attributes, multiplicity, record_attributes, subgroups
from preprocess.files import write_atomic
from preprocess.known_markers import read_known_markers


@dataclass(frozen=True)
class AnalysisOptions:
    """Which operating points and subgroups to report.

    Attributes:
        targets: targets of the operating points. If only a prevalence is given, the model's threshold is the only
            operating point.
        prevalence: share of positives to which PPV, NPV and net benefit refer; default: the share among the films.
        markers: cleaned folder, ledger or COCO file that lists the markers of each film; it adds subgroups by marker.
        table: CSV file with a row for each film; it adds subgroups by its columns.
        columns: columns of the table to use; if empty, all columns that form usable subgroups.
        key: column of the table that names the film; None for the one whose name means a path.
        skip: columns of the table that hold something else than a property of the films, such as scores.
    """

    targets: tuple[Target, ...] = ()
    prevalence: float | None = None
    markers: Path | None = None
    table: Path | None = None
    columns: tuple[str, ...] = ()
    key: str | None = None
    skip: tuple[str, ...] = ()


DEFAULTS = AnalysisOptions()


def analyse(
    predictions: Predictions,
    records: Sequence[Record],
    options: AnalysisOptions,
    *,
    threshold: float = 0.5,
    predict_validation: Callable[[], Predictions],
    chosen_on: str = "val",
) -> Analyses:
    """Compute calibration, decision curve, operating points and subgroups.

    Args:
        records: the predicted files, in the order of the predictions.
        threshold: the model's decision threshold.
        predict_validation: returns the model's predictions of the validation films. It is called only if a target
            needs them to choose its threshold.
        chosen_on: what these films are: val or out-of-fold.
    Raises:
        DataError: a target cannot be met, or the table does not match the films.
        ConfigError: the prevalence is not between 0 and 1.
    """
    known = predictions.known()
    levels = {"file": known, "film": known.by_film(), "group": known.by_group().known()}
    points: tuple[OperatingPoint, ...] = ()
    targets = options.targets or ((Target("threshold", threshold),) if options.prevalence is not None else ())
    if targets:
        validation = None if all(target.is_given for target in targets) else predict_validation()
        points = operating_points(predictions, targets, validation, chosen_on=chosen_on, prevalence=options.prevalence)
    is_binary = len(predictions.classes) == 2 and len(set(known.labels.tolist())) == 2
    attributes, notes = read_film_attributes(records, options)
    parts = subgroups(predictions, attributes, threshold=threshold)
    return Analyses(
        calibration=_calibration_by_level(levels),
        operating_points=points,
        decision_curve=decision_curve(levels["film"], prevalence=options.prevalence) if is_binary else None,
        subgroups=parts,
        multiplicity=multiplicity(parts) if parts else "",
        notes=notes,
    )


def _calibration_by_level(levels: Mapping[str, Predictions]) -> dict[str, Calibration]:
    """Return the calibration of each level that has rows; of film as of file, if each film is one file."""
    by_level = {"file": calibration(levels["file"])}
    is_same = len(levels["film"]) == len(levels["file"])
    by_level["film"] = by_level["file"] if is_same else calibration(levels["film"])
    return by_level | ({"group": calibration(levels["group"])} if len(levels["group"]) else {})


def read_film_attributes(
    records: Sequence[Record], options: AnalysisOptions
) -> tuple[dict[str, Attribute], tuple[str, ...]]:
    """Read the attributes that define subgroups: from the manifest, the marker file and the table.

    Returns:
        The attributes by name, and messages for the user on the table.
    """
    attributes = record_attributes(records)
    paths = [record.path for record in records]
    if options.markers is not None:
        attributes |= marker_attributes(paths, read_known_markers(options.markers))
    if options.table is None:
        return attributes, ()
    table = read_attributes(options.table, paths, options.columns, key=options.key, skip=options.skip)
    return attributes | table.values, table.notes


def write_analysis_pictures(folder: Path, analyses: Analyses, stamp: str = "") -> None:
    """Draw reliability.png and, for two classes, decision_curve.png into the folder, by film, each with the stamp.

    Scores that are no probabilities have neither.
    """
    by_film, curve = analyses.calibration.get("film"), analyses.decision_curve
    pictures = {
        "reliability.png": draw_reliability(by_film, stamp=stamp) if by_film else None,
        "decision_curve.png": draw_decision_curve(curve, stamp=stamp) if curve else None,
    }
    for name, picture in pictures.items():
        if picture is None:
            (folder / name).unlink(missing_ok=True)  # of an evaluation of other films
        else:
            write_atomic(folder / name, picture)
