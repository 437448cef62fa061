"""Explain a model's decisions: maps of where it looks, and how much of that lies on markers, beside chance."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from fxkit.data.dataset import mix_seed
from fxkit.data.preprocessing import resize
from fxkit.data.transforms import to_tensor
from fxkit.explain.attention import Attention, Share, chance_shares, marker_share, shares_of
from fxkit.explain.films import Film
from fxkit.explain.maps import METHODS, Heat, TargetLayer, find_target_layer, heat_map, randomised, resolution_of
from fxkit.explain.pictures import Picture, draw_panel, draw_sheet, draw_stamp
from fxkit.explain.pointing_game import Pointing, point, pointing_of
from fxkit.metrics.summary import as_json
from fxkit.models.predict_images import Cleaner, decide
from fxkit.models.predict_records import choose_device, predict_tensor
from fxkit.models.run_folder import write_json
from fxkit.models.saved import Model
from preprocess.files import write_atomic
from preprocess.images import MAX_PIXELS, Array, read_image, to_grey8, write_image

SHOWN = 24  # films on the contact sheet

ALIKE = 0.5  # mean rank correlation from which maps do not show what the network has learnt

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
class Explained:
    """What `explain` found; attention.json holds the same but for the rows.

    Attributes:
        method: one of METHODS.
        layer: whose output the maps are made of; of an ensemble the first member's.
        resolution: how fine the maps really are.
        shares: over all films, by class, and by whether they were decided rightly.
        pointing: None without boxes.
        sanity: mean rank correlation of the maps with those of the same network with its weights in random order; None
            where it was not asked for.
    """

    method: str
    layer: str
    resolution: str
    rows: tuple[Attention, ...]
    shares: tuple[Share, ...]
    pointing: Pointing | None
    sanity: float | None

    @property
    def marked(self) -> tuple[Attention, ...]:
        """The films with known markers."""
        return tuple(row for row in self.rows if row.marker_area_share)

    @property
    def n_empty(self) -> int:
        """How many of these have an empty map."""
        return sum(row.marker_attention_share is None for row in self.marked)


@dataclass(frozen=True)
class _Maker:
    """What makes a film's map, and what makes that of the same network without what it learnt."""

    model: Model
    layers: tuple[TargetLayer, ...]
    method: str
    bare: Model | None


def explain(
    model: Model,
    films: Iterable[Film],
    out: str | Path,
    *,
    method: str = METHODS[0],
    sanity: bool = False,
    clean: Cleaner | None = None,
    max_pixels: int = MAX_PIXELS,
    device: str = "auto",
    stamp: str = "",
) -> Explained:
    """Write a picture a film (original, heat map, overlay), a contact sheet, attention.csv and attention.json into out.

    The map of an ensemble is the mean of its members' maps of the class that the ensemble decides for.

    Args:
        method: one of METHODS.
        sanity: compare each map with that of the same network with its weights in random order.
        clean: applied to each film first, for films that are not cleaned as the model's were.
        stamp: a line that the pictures bear where not empty, such as of a leaking split.
    Raises:
        ImageError: a film cannot be read.
        ConfigError: the backbone has no layer that a map can be made of.
    """
    model.classifier.to(choose_device(device)).eval()
    layers = tuple(find_target_layer(member) for member in model.members)
    maker = _Maker(model, layers, method, randomised(model) if sanity else None)
    rows, panels, likeness = [], [], []
    for earlier in Path(out).glob("[0-9]*.png"):
        earlier.unlink()
    for number, film in enumerate(films):
        image = read_image(film.path, max_pixels=max_pixels)
        row, panel, alike = _explain_one(maker, film, clean(image)[0] if clean else image, number)
        rows.append(row)
        likeness.append(alike)
        panel = np.vstack([draw_stamp(stamp, panel.shape[1]), panel])
        panels += [panel] if number < SHOWN else []
        write_image(Path(out) / f"{number:04d}.png", panel)
    if panels:
        write_image(Path(out) / "sheet.png", draw_sheet(panels))
    write_atomic(Path(out) / "attention.csv", _csv(rows))
    found = _conclude(maker, rows, likeness)
    write_json(Path(out) / "attention.json", as_json(attention_json(found) | {"stamp": stamp}))
    return found


def attention_json(found: Explained) -> dict[str, object]:
    """Return what attention.json holds, but for the stamp."""
    plain = {key: value for key, value in asdict(found).items() if key != "rows"}
    shares = [asdict(share) | {"verdict": share.verdict} for share in found.shares]
    counts = {"n_films": len(found.rows), "n_marked": len(found.marked), "n_empty": found.n_empty}
    return plain | counts | {"shares": shares, "trusted": found.sanity is None or found.sanity < ALIKE}


def _conclude(maker: _Maker, rows: Sequence[Attention], likeness: Sequence[float | None]) -> Explained:
    known = [value for value in likeness if value is not None]
    size = maker.model.card.preprocessing.image_size
    return Explained(
        method=maker.method,
        layer=maker.layers[0].name,
        resolution=resolution_of(maker.layers[0], size),
        rows=tuple(rows),
        shares=tuple(shares_of(rows)),
        pointing=pointing_of(rows),
        sanity=float(np.mean(known)) if known else None,
    )


def summarise(found: Explained) -> list[str]:
    """Return what was found as lines of text."""
    n, marked = len(found.rows), len(found.marked)
    lines = [f"{n} films, {marked} of them with known markers; {found.method} at {found.layer}"]
    lines.append(f"{found.resolution}: what lies beside a marker counts partly as on it")
    if found.n_empty:
        lines.append(f"{found.n_empty} maps are empty: nothing speaks for the predicted class")
    lines += [_share_text(share) for share in found.shares]
    if found.pointing is not None:
        lines += found.pointing.lines
    if found.sanity is not None:
        lines.append(_sanity_text(found.sanity))
    return lines


def _share_text(s: Share) -> str:
    return (
        f"{s.name} ({s.n_films} films, {s.n_groups} groups): markers take {s.area:.2%} of the area and "
        f"{s.attention:.2%} of the attention: {s.ratio:.1f} x (95 % interval {s.low:.1f} to "
        f"{s.high:.1f}; the same shapes anywhere: {s.chance_low:.1f} to {s.chance_high:.1f} x): {s.verdict}"
    )


def _sanity_text(likeness: float) -> str:
    meaning = (
        "they show the film more than what the network has learnt: do not trust them"
        if likeness >= ALIKE
        else "they change with what the network has learnt, as they should"
    )
    return f"maps correlate by {likeness:.2f} with those of the network with its weights in random order: {meaning}"


def _explain_one(maker: _Maker, film: Film, image: Array, number: int) -> tuple[Attention, Picture, float | None]:
    model, preprocessing = maker.model, maker.model.card.preprocessing
    seen = resize(to_grey8(image), preprocessing)
    mask = film.mask if film.mask is not None and film.mask.shape == image.shape[:2] else None
    tensor = to_tensor(seen, preprocessing).to(next(model.classifier.parameters()).device)
    probabilities = predict_tensor(model, tensor.unsqueeze(0))[0]
    decision = decide(model, probabilities)
    index = model.card.classes.index(decision)
    heat = heat_map(model, tensor, index, maker.layers, maker.method)
    area, attention = (None, None) if mask is None else marker_share(heat, mask, preprocessing)
    boxes = point(heat, film.boxes, image.shape, preprocessing)
    row = Attention(
        path=film.name,
        label=film.label,
        predicted=decision,
        probability=float(probabilities[index]),
        marker_area_share=area,
        marker_attention_share=attention,
        group=film.group,
        chance=None if mask is None else chance_shares(heat, mask, preprocessing, mix_seed(number)),
        in_box=None if boxes is None else boxes.hits,
        box_share=None if boxes is None else boxes.shares,
    )
    alike = None
    if maker.bare is not None:
        layers = tuple(find_target_layer(member) for member in maker.bare.members)
        alike = likeness_of(heat, heat_map(maker.bare, tensor, index, layers, maker.method), maker.layers[0].cells)
    return row, draw_panel(seen, heat, row, mask, preprocessing), alike


def likeness_of(one: Heat, other: Heat, cells: tuple[int, int]) -> float | None:
    """Return the rank correlation of two maps, at one value a cell; None where one of them is even."""
    import cv2

    values = [cv2.resize(heat, cells[::-1], interpolation=cv2.INTER_AREA).ravel() for heat in (one, other)]
    if any(np.ptp(value) == 0 for value in values):
        return None
    return float(spearmanr(*values).statistic)


def _csv(rows: Sequence[Attention]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else value for value in _fields(row)] for row in rows)
    return out.getvalue()


def _fields(row: Attention) -> list[object]:
    shown: NDArray[np.float64] | tuple[None, None] = (None, None)
    if row.chance is not None:
        shown = np.percentile(row.chance[:, 1] / np.maximum(row.chance[:, 0], 1e-9), [2.5, 97.5])
    plain: list[object] = [getattr(row, name) for name in COLUMNS[:6]]
    low, high = (None if value is None else round(float(value), 4) for value in shown)
    return [*plain, low, high, None if row.in_box is None else int(row.in_box[0])]
