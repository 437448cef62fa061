"""What `fxkit cam` writes to attention.json: how much of the maps lies on markers, and the pointing game."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import computed_field

from fxkit.html import picture_uri
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult, Number, read_optional_json

OTHER_FILMS, RANDOM_POSITIONS = "markers of other films", "the same shapes at random positions"


class Share(JsonResult):
    """The share of attention that lies on markers, as a mean over some films with markers.

    Attributes:
        area: share of the film's area that the markers cover.
        attention: share of the map's mass that lies on the markers.
        ratio: attention over area; 1 if the map is spread evenly. With a 95 % interval over groups, low to high.
        chance_low, chance_high: 95 % of the ratios lie here by chance.
        chance_of: what chance is: "markers of other films", each in the place where it stands on its own film, or "the
            same shapes at random positions" if few films have markers.
    """

    name: str
    n_films: int
    n_groups: int = 0
    area: Number
    attention: Number
    ratio: Number
    low: Number
    high: Number
    chance_low: Number
    chance_high: Number
    chance_of: str = RANDOM_POSITIONS

    @property
    def interval(self) -> Interval:
        """The ratio with its interval."""
        return Interval(self.ratio, self.low, self.high, self.n_groups, n=self.n_films)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> str:
        """The ratio in words, compared with chance."""
        if self.ratio > self.chance_high:
            return "more than by chance"
        return "less than by chance" if self.ratio < self.chance_low else "as by chance"


class PointingGame(JsonResult):
    """The pointing game over the films with boxes: the share of films whose map peaks in a box, and the share
    expected by chance.

    Attributes:
        strict, strict_chance: the peak lies in a box.
        tolerant, tolerant_chance: the peak lies in a box or close to it.
    """

    n_films: int
    strict: Interval
    strict_chance: Number
    tolerant: Interval
    tolerant_chance: Number


class AttentionSummary(JsonResult):
    """All that attention.json holds.

    Attributes:
        layer: the layer from whose output the maps are computed; with an ensemble, that of the first member.
        resolution: the true resolution of the maps, in words.
        shares: shares over all films, by class, and by whether the decision is correct.
        pointing: None without boxes.
        sanity: mean rank correlation of the maps with those of the same network with its weights in random order;
            None if it was not computed.
        n_marked: films with known markers.
        n_empty: of these, films with an empty map.
        trusted: the maps depend on the weights (`sanity` is low), or `sanity` is None.
        stamp: the warning shown with all figures of a leaking run.
        notes: annotations that were not used, and why.
        positive: the positive class; "" unless there are two classes, and in files of older versions.
    """

    method: str
    layer: str = ""
    resolution: str
    shares: tuple[Share, ...]
    pointing: PointingGame | None
    sanity: float | None
    n_films: int
    n_marked: int
    n_empty: int
    trusted: bool
    stamp: str = ""
    notes: tuple[str, ...] = ()
    positive: str = ""


@dataclass(frozen=True)
class AttentionMaps:
    """The contact sheet of the maps as a data URI, and what attention.json holds."""

    sheet: str | None
    summary: AttentionSummary | None


def read_attention(run: Path) -> AttentionMaps | None:
    """Read RUN/cam/attention.json and the contact sheet; return None if there is neither."""
    sheet = picture_uri(run / "cam" / "sheet.png")
    summary = read_optional_json(run / "cam" / "attention.json", AttentionSummary.model_validate)
    return AttentionMaps(sheet, summary) if sheet or summary else None
