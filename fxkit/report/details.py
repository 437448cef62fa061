"""Calibration, operating points and subgroups of a metrics.json, ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.report.reading import Estimate, estimate, picture_uri

POINT_NAMES = ("sensitivity", "specificity", "ppv", "npv", "ppv_at_prevalence", "npv_at_prevalence")


@dataclass(frozen=True)
class Point:
    """An operating point by film."""

    name: str
    threshold: float
    chosen: str  # on how many films
    prevalence: float | None
    figures: tuple[Estimate | None, ...]  # as POINT_NAMES


@dataclass(frozen=True)
class Part:
    """A subgroup by film: each figure with its gap to the other films."""

    name: str
    n_films: int
    n_groups: int
    few: bool
    figures: tuple[tuple[Estimate, Estimate], ...]


@dataclass(frozen=True)
class Details:
    """By film; what an older metrics.json does not hold is empty."""

    ece: Estimate | None
    lines: tuple[tuple[Estimate, str], ...]  # debiased error, slope and intercept, and what they mean
    points: tuple[Point, ...]
    parts: tuple[Part, ...]
    multiplicity: str
    groups: tuple[Estimate, ...]  # figures by group
    n_pure: int
    n_mixed: int
    reliability: str | None
    decision_curve: str | None


def read_details(values: Mapping[str, Any], pictures: Path) -> Details:
    """Build the details of what metrics.json holds, with the pictures beside it."""
    found = (values.get("calibration") or {}).get("film")
    group = values.get("group") or {"n": 0, "figures": {}}
    return Details(
        ece=estimate("ECE", {"value": found["ece"]}) if found else None,
        lines=_lines(found) if found else (),
        points=tuple(map(_point, values.get("operating_points") or ())),
        parts=tuple(map(_part, values.get("subgroups") or ())),
        multiplicity=str(values.get("multiplicity") or ""),
        groups=tuple(estimate(name, one) for name, one in group["figures"].items()),
        n_pure=int(group["n"]),
        n_mixed=int(values.get("n_mixed") or 0),
        reliability=picture_uri(pictures / "reliability.png"),
        decision_curve=picture_uri(pictures / "decision_curve.png"),
    )


def _lines(found: Mapping[str, Any]) -> tuple[tuple[Estimate, str], ...]:
    meanings = {
        "error": ("calibration error without chance", "0 is right"),
        "slope": ("calibration slope", "1 is right, less is overconfident"),
        "intercept": ("calibration in the large", "0 is right, above 0 the probabilities are too low"),
    }
    return tuple((estimate(name, found[key]), text) for key, (name, text) in meanings.items() if found.get(key))


def _point(values: Mapping[str, Any]) -> Point:
    film = values["levels"]["film"]
    chosen = f"{int(values['chosen_films'])} validation films of {int(values['chosen_groups'])} groups"
    return Point(
        name=str(values["target"]),
        threshold=float(values["threshold"]),
        chosen=chosen if values["chosen_on"] else "given",
        prevalence=values["prevalence"],
        figures=tuple(estimate(name, film[name]) if name in film else None for name in POINT_NAMES),
    )


def _part(values: Mapping[str, Any]) -> Part:
    return Part(
        name=f"{values['attribute']} = {values['value']}",
        n_films=int(values["n_films"]),
        n_groups=int(values["n_groups"]),
        few=bool(values["few"]),
        figures=tuple(
            (estimate(name, one), estimate(name, values["gaps"][name])) for name, one in values["figures"].items()
        ),
    )
