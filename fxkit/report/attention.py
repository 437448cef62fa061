"""Where the model looks: what `fxkit cam` wrote into the run folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.report.reading import Estimate, estimate, picture_uri, read_part


@dataclass(frozen=True)
class Share:
    """How much of the attention lies on markers, over some films that have any; means over films.

    Attributes:
        ratio: of attention to area.
        chance: where the ratio would lie, in 95 of 100 cases, if the same shapes lay anywhere on the same films.
    """

    name: str
    films: int
    attention: float
    area: float
    ratio: Estimate
    chance: tuple[float, float]
    verdict: str


@dataclass(frozen=True)
class Pointing:
    """The pointing game: on how many films with boxes the map's peak lies in one."""

    films: int
    hits: Estimate
    chance: float


@dataclass(frozen=True)
class Attention:
    sheet: str | None
    films: int = 0
    marked: int = 0  # films with known markers
    empty: int = 0  # of these, films whose map is empty, which leaves no share
    method: str = ""
    resolution: str = ""
    shares: tuple[Share, ...] = ()  # of the others: all first, then parts
    pointing: Pointing | None = None
    sanity: float | None = None  # rank correlation with the maps of shuffled weights
    trusted: bool = True  # that correlation is low enough


def read_attention(run: Path) -> Attention | None:
    """Read RUN/cam/attention.json and the contact sheet; None where there is neither."""
    sheet, found = picture_uri(run / "cam" / "sheet.png"), run / "cam" / "attention.json"
    told = read_part(found, lambda values: _attention(sheet, values))
    return told or (Attention(sheet) if sheet else None)


def _attention(sheet: str | None, values: dict[str, Any]) -> Attention:
    return Attention(
        sheet=sheet,
        films=int(values["n_films"]),
        marked=int(values["n_marked"]),
        empty=int(values["n_empty"]),
        method=str(values["method"]),
        resolution=str(values["resolution"]),
        shares=tuple(map(_share, values["shares"])),
        pointing=_pointing(values["pointing"]) if values["pointing"] else None,
        sanity=None if values["sanity"] is None else float(values["sanity"]),
        trusted=bool(values["trusted"]),
    )


def _share(values: dict[str, Any]) -> Share:
    return Share(
        name=str(values["name"]),
        films=int(values["n_films"]),
        attention=float(values["attention"]),
        area=float(values["area"]),
        ratio=estimate("", {"value": values["ratio"], "low": values["low"], "high": values["high"]}),
        chance=(float(values["chance_low"]), float(values["chance_high"])),
        verdict=str(values["verdict"]),
    )


def _pointing(values: dict[str, Any]) -> Pointing:
    return Pointing(int(values["n_films"]), estimate("", values["strict"]), float(values["strict_chance"]))
