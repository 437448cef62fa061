"""Subgroups of films, such as a site or films with markers: their figures, and their gaps to the other films."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fxkit.data.manifest import Record
from fxkit.metrics.attribute_table import Attribute
from fxkit.metrics.bootstrap import RESAMPLES, Side, differences, intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import MACRO_AUROC, SENSITIVITY, SPECIFICITY, Metric, ranking_metric, scored
from preprocess.known_markers import KnownMarkers
from preprocess.words import amount

FEW_GROUPS = 10  # a subgroup with fewer groups of a class is marked as small

SIZES_PX = (256, 512, 1024, 2048)  # upper limits of the classes of the longer side


class Subgroup(JsonResult):
    """A subgroup of the films; all figures are by film.

    Attributes:
        attribute, value: such as "site" and "east".
        few: a class has fewer than FEW_GROUPS groups in the subgroup or in the other films.
        figures: metric -> value in the subgroup.
        gaps: metric -> value in the subgroup minus the value in all other films whose attribute is known.
    """

    attribute: str
    value: str
    n_films: int
    n_groups: int
    few: bool
    figures: dict[str, Interval]
    gaps: dict[str, Interval]

    @property
    def name(self) -> str:
        """The attribute and its value, such as "site = east"."""
        return f"{self.attribute} = {self.value}"

    @property
    def stands_out(self) -> bool:
        """Whether the interval of a gap excludes 0 and the subgroup is not small."""
        return not self.few and any(gap.low > 0 or gap.high < 0 for gap in self.gaps.values())


def subgroups(
    predictions: Predictions,
    attributes: Mapping[str, Attribute],
    *,
    threshold: float = 0.5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Subgroup, ...]:
    """Compute the figures of the subgroups that each attribute defines, in the order of attributes and values.

    An attribute with a single value defines no subgroup. If the copies of a film have different values, the film is
    in several subgroups, in each of them with the copies that have its value.

    Args:
        attributes: name -> values by path.
    """
    known = predictions.known()
    result = []
    for name, values in attributes.items():
        column = np.array([values.get(path, "") for path in known.paths], object)
        parts = sorted(set(column) - {""})
        if len(parts) < 2:
            continue
        for value in parts:
            inside, outside = (known.take(np.flatnonzero(m)).by_film() for m in _masks(column, value))
            result.append(_subgroup(name, value, inside, outside, threshold, seed, resamples))
    return tuple(result)


def _masks(column: np.ndarray, value: str) -> tuple[np.ndarray, np.ndarray]:
    return column == value, (column != value) & (column != "")


def _subgroup(
    name: str, value: str, inside: Predictions, outside: Predictions, threshold: float, seed: int, resamples: int
) -> Subgroup:
    metrics = _metrics(inside.classes)
    rows = np.arange(len(inside) + len(outside)) < len(inside)
    sides = Side(scored(inside, threshold), rows), Side(scored(outside, threshold), ~rows)
    groups = inside.groups + outside.groups
    return Subgroup(
        attribute=name,
        value=value,
        n_films=len(inside),
        n_groups=len(set(inside.groups)),
        few=min(_fewest(inside), _fewest(outside)) < FEW_GROUPS,
        figures=intervals(metrics, inside, threshold=threshold, seed=seed, resamples=resamples),
        gaps=differences(metrics, *sides, groups, seed=seed, resamples=resamples),
    )


def _metrics(classes: Sequence[str]) -> tuple[Metric, ...]:
    ranking = ranking_metric(classes)
    return (ranking,) if ranking is MACRO_AUROC else (ranking, SENSITIVITY, SPECIFICITY)


def _fewest(part: Predictions) -> int:
    """Return the number of groups of the rarest class."""
    pairs = set(zip(part.labels.tolist(), part.groups, strict=True))
    return min(len([label for label, _ in pairs if label == k]) for k in range(len(part.classes)))


def record_attributes(records: Iterable[Record]) -> dict[str, Attribute]:
    """Return the attributes that a manifest holds: the site and the size class of each film."""
    records = list(records)
    return {
        "site": {r.path: r.site for r in records},
        "image size": {r.path: _size_class(max(r.width, r.height)) for r in records},
    }


def _size_class(longer_px: int) -> str:
    if not longer_px:
        return ""
    return next((f"up to {end:4d} px" for end in SIZES_PX if longer_px <= end), f"over {SIZES_PX[-1]} px")


def marker_attributes(paths: Iterable[str], markers: KnownMarkers) -> dict[str, Attribute]:
    """Return whether each film has known markers, and the styles of these markers.

    Films that were not searched for markers are missing.
    """
    presence, styles = {}, {}
    for path in paths:
        image = markers.find(path)
        if image is None:
            continue
        presence[path] = "yes" if image.markers else "no"
        styles_here = sorted({marker.style or "unknown" for marker in image.markers})
        styles[path] = " and ".join(styles_here) if styles_here else "none"
    return {"marker": presence, "marker style": styles}


def multiplicity(parts: Sequence[Subgroup]) -> str:
    """Describe how many gaps have intervals that exclude 0, and how many would do so by chance.

    If an attribute has two values, their gaps differ only in sign and count once.
    """
    distinct = [part for i, part in enumerate(parts) if not _is_mirror(parts, i)]
    gaps = [gap for part in distinct for gap in part.gaps.values() if gap.value == gap.value]
    clear = sum(gap.low > 0 or gap.high < 0 for gap in gaps)
    return (
        f"the intervals of {clear} of {amount(len(gaps), 'gap')} exclude 0; if no subgroup differed, about "
        f"{len(gaps) / 20:.1f} would do so by chance"
    )


def _is_mirror(parts: Sequence[Subgroup], i: int) -> bool:
    same = [j for j, part in enumerate(parts) if part.attribute == parts[i].attribute]
    return len(same) == 2 and i == same[1]
