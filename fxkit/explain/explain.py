"""Explain a model's predictions: class activation maps, and the share of attention on markers compared with chance."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from fxkit.data.positive import positive_class
from fxkit.data.preprocessing import resize
from fxkit.data.seeds import mix_seed
from fxkit.explain.attention import (
    Attention,
    measure_marker_shares,
    sample_chance_shares,
    summarise_shares,
    use_other_films,
)
from fxkit.explain.films import Film, misfit_notes, misfits
from fxkit.explain.mapper import METHODS, Heat, Mapper
from fxkit.explain.marker_places import measure_places
from fxkit.explain.pictures import Picture, draw_panel, draw_sheet, draw_stamp
from fxkit.explain.pointing_game import check_peak, describe_pointing, summarise_pointing
from fxkit.models.predict_images import Cleaner
from fxkit.models.run_folder import write_json
from fxkit.report.attention import AttentionSummary, Share
from preprocess.files import write_atomic
from preprocess.image_files import MAX_PIXELS
from preprocess.images import Array, read_image, to_grey8, write_image
from preprocess.locks import locked
from preprocess.words import amount

if TYPE_CHECKING:
    from fxkit.models.saved import Model

SHEET_FILMS = 24  # films on the contact sheet

MAX_CORRELATION = 0.5  # at or above this mean rank correlation, the maps do not show what the network has learned

COLUMNS = (
    "path",
    "label",
    "predicted",
    "probability",
    "marker_area_share",
    "marker_attention_share",
    "chance_low",
    "chance_high",
    "peak_in_box",
)


@dataclass(frozen=True)
class ExplainOptions:
    """How to explain films.

    Attributes:
        method: one of METHODS.
        sanity: compare each map with the map of the same network with shuffled weights.
        clean: removes the markers of each film first, for a model trained on cleaned films; None to use the
            films as they are.
        max_pixels: larger images are refused.
        device: auto, cpu, cuda or mps.
        stamp: warning drawn above all pictures, for example for a leaking split; "" for none.
    """

    method: str = METHODS[0]
    sanity: bool = False
    clean: Cleaner | None = None
    max_pixels: int = MAX_PIXELS
    device: str = "auto"
    stamp: str = ""


@dataclass(frozen=True)
class Explanation:
    """Results of `explain`: a row for each film, and their summary, which is the content of attention.json."""

    rows: tuple[Attention, ...]
    summary: AttentionSummary


def explain(
    model: "Model", films: Iterable[Film], out: str | Path, options: ExplainOptions = ExplainOptions()
) -> Explanation:
    """Explain films by activation maps of a run's model; see `explain_with`.

    The map shows the predicted class. For an ensemble, it is the mean of the members' maps of the class that the
    ensemble predicts.

    Raises:
        ImageError: a film cannot be read.
        ConfigError: the backbone has no layer that a map can be computed from.
    """
    from fxkit.explain.maps import map_run, shuffle_weights  # they need torch, and maps by occlusion do not
    from fxkit.models.predict_records import choose_device

    model.classifier.to(choose_device(options.device)).eval()
    shuffled = map_run(shuffle_weights(model), options.method) if options.sanity else None
    return explain_with(map_run(model, options.method), films, out, options, shuffled=shuffled)


@locked("out")
def explain_with(
    mapper: Mapper,
    films: Iterable[Film],
    out: str | Path,
    options: ExplainOptions = ExplainOptions(),
    *,
    shuffled: Mapper | None = None,
) -> Explanation:
    """Explain films and write a picture of each, a contact sheet, attention.csv and attention.json into a folder.

    Numbered pictures of an earlier call are deleted.

    Args:
        mapper: computes the maps: `map_run`, `map_module`, or `OcclusionMapper` for any model.
        options: `method`, `sanity` and `device` are not used; they belong to the mapper.
        shuffled: the same for the network with shuffled weights, to compare the maps with.
    Raises:
        ImageError: a film cannot be read.
    """
    out = Path(out)
    for earlier in out.glob("[0-9]*.png"):
        earlier.unlink()
    rows, correlations, notes = _explain_films(mapper, shuffled, films, out, options)
    rows = use_other_films(rows)
    write_atomic(out / "attention.csv", _csv(rows))
    defined = [value for value in correlations if value is not None]
    summary = summarise_rows(
        rows,
        method=mapper.method,
        layer=mapper.layer,
        resolution=mapper.resolution,
        sanity=float(np.mean(defined)) if defined else None,
        stamp=options.stamp,
        notes=notes,
        positive=positive_class(mapper.classes),
    )
    write_json(out / "attention.json", summary.to_dict())
    return Explanation(tuple(rows), summary)


def _explain_films(
    mapper: Mapper, shuffled: Mapper | None, films: Iterable[Film], out: Path, options: ExplainOptions
) -> tuple[list[Attention], list[float | None], tuple[str, ...]]:
    """Write the pictures and the contact sheet; return the rows, the correlations with the shuffled network, and notes
    on annotations that are not used.
    """
    rows, panels, correlations, misfitting = [], [], [], []
    for number, film in enumerate(films):
        image = read_image(film.path, max_pixels=options.max_pixels)
        image = options.clean(image)[0] if options.clean else image
        row, panel, correlation = _explain_film(mapper, shuffled, film, image, number)
        rows.append(row)
        misfitting += [(kind, film.name) for kind in misfits(film, image.shape)]
        correlations.append(correlation)
        panel = np.vstack([draw_stamp(options.stamp, panel.shape[1]), panel])
        panels += [panel] if number < SHEET_FILMS else []
        write_image(out / f"{number:04d}.png", panel)
    if panels:
        write_image(out / "sheet.png", draw_sheet(panels))
    return rows, correlations, misfit_notes(misfitting)


def summarise_rows(
    rows: Sequence[Attention],
    *,
    method: str,
    layer: str,
    resolution: str,
    sanity: float | None,
    stamp: str = "",
    notes: tuple[str, ...] = (),
    positive: str = "",
) -> AttentionSummary:
    """Summarise the rows of all films; the result is the content of attention.json."""
    marked = [row for row in rows if row.marker_area_share]
    return AttentionSummary(
        method=method,
        layer=layer,
        resolution=resolution,
        shares=tuple(summarise_shares(rows)),
        pointing=summarise_pointing(rows),
        sanity=sanity,
        n_films=len(rows),
        n_marked=len(marked),
        n_empty=sum(row.marker_attention_share is None for row in marked),
        trusted=sanity is None or sanity < MAX_CORRELATION,
        stamp=stamp,
        notes=notes,
        positive=positive,
    )


def describe_summary(s: AttentionSummary) -> list[str]:
    """Return the summary as lines of text."""
    layer = f", layer {s.layer}" if s.layer else ""
    lines = [f"{amount(s.n_films, 'film')}, {s.n_marked} with known markers; {s.method}{layer}"]
    lines.append(f"{s.resolution}; attention next to a marker counts partly as attention on the marker")
    if s.n_empty:
        lines.append(f"{amount(s.n_empty, 'map is', 'maps are')} empty: no region supports the predicted class")
    lines += [_describe_share(share) for share in s.shares]
    if s.pointing is not None:
        lines += describe_pointing(s.pointing)
    if s.sanity is not None:
        lines.append(_describe_sanity(s.sanity))
    return lines


def _describe_share(s: Share) -> str:
    limits = f"95 % interval {s.low:.1f} to {s.high:.1f}" if s.interval.has_limits else "too few groups for an interval"
    return (
        f"{s.name} ({amount(s.n_films, 'film')}, {amount(s.n_groups, 'group')}): markers cover {s.area:.2%} of the "
        f"area and receive {s.attention:.2%} of the attention; ratio {s.ratio:.1f} ({limits}; {s.chance_of}: "
        f"{s.chance_low:.1f} to {s.chance_high:.1f}): {s.verdict}"
    )


def _describe_sanity(correlation: float) -> str:
    meaning = (
        "they show the film rather than what the network has learned; do not trust them"
        if correlation >= MAX_CORRELATION
        else "they depend on what the network has learned, as they should"
    )
    return f"the maps correlate by {correlation:.2f} with the maps of shuffled weights: {meaning}"


def _explain_film(
    mapper: Mapper, shuffled: Mapper | None, film: Film, image: Array, number: int
) -> tuple[Attention, Picture, float | None]:
    """Return a film's row and panel, and the correlation of its map with the map of the shuffled network."""
    grey, preprocessing = to_grey8(image), mapper.preprocessing
    mask = film.mask if film.mask is not None and film.mask.shape == image.shape[:2] else None
    shown = mapper.map(grey)
    heat = shown.heat
    area, attention = (None, None) if mask is None else measure_marker_shares(heat, mask, preprocessing)
    peak = check_peak(heat, film.boxes, image.shape, preprocessing)
    row = Attention(
        path=film.name,
        label=film.label,
        predicted=mapper.classes[shown.index],
        probability=float(shown.probabilities[shown.index]),
        marker_area_share=area,
        marker_attention_share=attention,
        group=film.group,
        chance=None if mask is None else sample_chance_shares(heat, mask, preprocessing, mix_seed(number)),
        places=None if mask is None else measure_places(heat, mask, preprocessing, film.group or film.name),
        in_box=None if peak is None else peak.hits,
        box_share=None if peak is None else peak.shares,
    )
    correlation = None
    if shuffled is not None:
        correlation = correlate_maps(heat, shuffled.map(grey, shown.index).heat, mapper.cells)
    return row, draw_panel(resize(grey, preprocessing), heat, row, mask, preprocessing), correlation


def correlate_maps(one: Heat, other: Heat, cells: tuple[int, int]) -> float | None:
    """Return the rank correlation of two maps over their cells; None if one of them is constant."""
    import cv2

    values = [cv2.resize(heat, cells[::-1], interpolation=cv2.INTER_AREA).ravel() for heat in (one, other)]
    if any(np.ptp(value) == 0 for value in values):
        return None
    return float(spearmanr(*values).statistic)


def _csv(rows: Sequence[Attention]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else value for value in _csv_fields(row)] for row in rows)
    return out.getvalue()


def _csv_fields(row: Attention) -> list[object]:
    limits: NDArray[np.float64] | tuple[None, None] = (None, None)
    if row.chance is not None:
        limits = np.percentile(row.chance[:, 1] / np.maximum(row.chance[:, 0], 1e-9), [2.5, 97.5])
    plain: list[object] = [getattr(row, name) for name in COLUMNS[:6]]
    low, high = (None if value is None else round(float(value), 4) for value in limits)
    return [*plain, low, high, None if row.in_box is None else int(row.in_box[0])]
