"""Write the data card: data.html to read, which needs nothing else, and data.json, which holds all of it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fxkit import __version__
from fxkit.data.manifest import usable
from fxkit.html import load_template
from fxkit.index.build import Index
from fxkit.index.cache import open_store
from fxkit.index.datacard import baseline as limits
from fxkit.index.datacard.baseline import Alone, Baseline
from fxkit.index.datacard.card import QUANTILES, Card, Spread, build_card
from fxkit.index.datacard.metadata import markings_of
from fxkit.index.datacard.verdicts import ABOVE, FAR_ABOVE, NONE
from fxkit.metrics.json_result import as_json
from preprocess.files import write_atomic
from preprocess.known_markers import KnownMarkers

PAGE, FACTS = "data.html", "data.json"

SHOWN = 12  # values of a property on the page; data.json has all

LISTED = 100  # file names of a kind on the page; data.json has all

NAMED = 3  # figures in the headline

SCALE = "(AUROC, 0.5 is chance)"

FILES_APART = ("files", "markings")


def write_data_card(
    folder: str | Path, index: Index, markers: KnownMarkers | None = None, cache: Path | None = None
) -> Card:
    """Write FOLDER/data.html and FOLDER/data.json of what `index_data` found; the same films give the same bytes.

    Args:
        markers: add the markers' style and place.
        cache: as `index_data` takes it; it keeps the baseline, too.

    Raises:
        OutputError: the card cannot be written.
        DataError: the cache cannot be used.
    """
    markings = markings_of(usable(index.records), markers) if markers else None
    with open_store(cache) as store:
        card = build_card(index.root.resolve().name, index.records, index.facts, markings, index.notes, store)
    write_atomic(Path(folder) / FACTS, card_json(card))
    write_atomic(Path(folder) / PAGE, render_card(card))
    return card


def summary_lines(card: Card) -> list[str]:
    """Return what to print: whether metadata alone tell the class, first of all."""
    mark = "WARNING: " if is_warning(card.baseline) else ""
    return [f"{mark}{headline(card.baseline)}"]


def is_warning(found: Baseline | None) -> bool:
    """Tell whether metadata alone predict the class far better than chance."""
    return found is not None and found.verdict == FAR_ABOVE


def headline(found: Baseline | None) -> str:
    """Return the verdict on metadata as a sentence or two."""
    if found is None:
        return "Whether metadata alone predict the class was not tested: there is one class only."
    whole = _told(found.figures[0])
    if found.verdict in (FAR_ABOVE, ABOVE):
        return _above(found)
    if found.verdict == NONE:
        return f"No evidence that metadata alone predict the class {SCALE}: {whole}."
    return (
        f"Undecided whether metadata alone predict the class {SCALE}: {whole}; with {found.n_groups} groups neither "
        f"chance nor an AUROC of {limits.EXCLUDED} is excluded."
    )


def _above(found: Baseline) -> str:
    """Name the strongest figures that have the verdict of all."""
    strong = sorted((f for f in found.figures if f.verdict == found.verdict), key=lambda f: -f.found.low)
    named = ", ".join(map(_told, strong[:NAMED])) + (f" and {len(strong) - NAMED} more" if strong[NAMED:] else "")
    if found.verdict == FAR_ABOVE:
        return (
            f"Metadata alone predict the class far above chance {SCALE}: {named}. A network can do the same: a score "
            "on these films need not come from the bone."
        )
    alone = f" One of {len(found.figures)} figures may be so by chance." if len(strong) == 1 else ""
    return f"Metadata alone predict the class somewhat better than chance {SCALE}: {named}.{alone}"


def _told(figure: Alone) -> str:
    return f"{figure.kind} {figure.found.text}"


def card_json(card: Card) -> Iterator[bytes]:
    """Yield the card as JSON, a file a line; undefined numbers are null."""
    values = as_json(asdict(card))
    whole = {name: value for name, value in values.items() if name not in FILES_APART}
    whole["quantiles"] = list(QUANTILES)
    yield json.dumps(whole, indent=1).encode()[:-2]
    for name in FILES_APART:
        lines = ",\n".join(json.dumps(row) for row in values[name])
        yield f',\n "{name}": [\n{lines}\n ]'.encode()
    yield b"\n}\n"


def render_card(card: Card) -> bytes:
    """Return the page; all names and texts in it are escaped, and what is no text in UTF-8 is shown as a code."""
    page = load_template(f"index/datacard/{PAGE}").render(
        c=card,
        headline=headline(card.baseline),
        warning=is_warning(card.baseline),
        figures=card.baseline.figures if card.baseline else (),
        groups="patients" if card.total.patients == card.total.groups else "groups",
        strips={spread.name: strip(spread) for spread in card.spreads},
        limits=limits,
        shown=SHOWN,
        listed=LISTED,
        version=__version__,
    )
    return page.encode("utf-8", "backslashreplace")


def strip(spread: Spread) -> dict[str, Any]:
    """Return class -> its five quantiles as places from 0 to 1 on a scale that all classes share."""
    ends = [value for values in spread.quantiles.values() for value in values]
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    wide = (high - low) or 1.0
    return {label: [(value - low) / wide for value in values] for label, values in spread.quantiles.items()}
