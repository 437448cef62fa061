"""Write the data card: data.html, a self-contained page, and data.json, all its numbers and the facts of each file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fxkit import __version__
from fxkit.data.manifest import usable
from fxkit.html import load_template
from fxkit.index.build import Index
from fxkit.index.cache import open_store
from fxkit.index.datacard import verdicts
from fxkit.index.datacard.baseline import FOLDS, REPEATS
from fxkit.index.datacard.build import build_card
from fxkit.index.datacard.card import QUANTILES, DataCard, Spread
from fxkit.index.datacard.metadata import markings_of
from fxkit.index.datacard.verdicts import ABOVE, EXCLUDED, FAR_ABOVE, NONE, Baseline, KindScore
from preprocess.files import write_atomic
from preprocess.known_markers import KnownMarkers
from preprocess.words import amount

PAGE, FACTS = "data.html", "data.json"

MAX_VALUES = 12  # values of a property on the page; data.json has all

MAX_NAMES = 100  # file names in a list on the page; data.json has all

MAX_FIGURES = 3  # figures in the headline

SCALE = "(AUROC, 0.5 is chance)"

ONE_FILE_A_LINE = ("files", "markings", "described")  # keys of data.json


def write_data_card(
    folder: str | Path, index: Index, markers: KnownMarkers | None = None, cache: Path | None = None
) -> DataCard:
    """Write FOLDER/data.html and FOLDER/data.json for an indexed data set; the same films give the same bytes.

    Args:
        markers: known markers of the films; adds their style and place to the card.
        cache: cache file of `index_data`; it keeps the baseline for the next run.

    Raises:
        OutputError: the card cannot be written.
        DataError: the cache cannot be used.
    """
    markings = markings_of(usable(index.records), markers) if markers else None
    with open_store(cache) as store:
        card = build_card(
            index.root.resolve().name,
            index.records,
            index.facts,
            markings,
            index.notes,
            store,
            order=index.order,
        )
    write_atomic(Path(folder) / FACTS, card_json(card))
    write_atomic(Path(folder) / PAGE, render_card(card))
    return card


def summary_lines(card: DataCard) -> list[str]:
    """Return the lines to print: whether metadata alone predict the class."""
    prefix = "WARNING: " if is_warning(card.baseline) else ""
    return [f"{prefix}{headline(card.baseline)}"]


def is_warning(baseline: Baseline | None) -> bool:
    """Return whether metadata alone predict the class far above chance."""
    return baseline is not None and baseline.verdict == FAR_ABOVE


def headline(baseline: Baseline | None) -> str:
    """Return the verdict on metadata in one or two sentences."""
    if baseline is None:
        return "Whether metadata alone predict the class was not tested: there is only one class."
    if baseline.verdict in (FAR_ABOVE, ABOVE):
        return _above_chance(baseline)
    all_metadata = _figure_text(baseline.figures[0])
    if baseline.verdict == NONE:
        return f"No evidence that metadata alone predict the class {SCALE}: {all_metadata}."
    return (
        f"Undecided whether metadata alone predict the class {SCALE}: {all_metadata}. With "
        f"{amount(baseline.n_groups, 'group')}, "
        f"neither chance nor an AUROC of {EXCLUDED} can be excluded."
    )


def _above_chance(baseline: Baseline) -> str:
    """Describe the strongest figures among those with the same verdict as the baseline."""
    same = sorted((f for f in baseline.figures if f.verdict == baseline.verdict), key=lambda f: -f.auroc.low)
    n_more = len(same) - MAX_FIGURES
    named = ", ".join(map(_figure_text, same[:MAX_FIGURES])) + (f" and {n_more} more" if n_more > 0 else "")
    if baseline.verdict == FAR_ABOVE:
        return (
            f"Metadata alone predict the class far above chance {SCALE}: {named}. A network can learn the same, so a "
            "score on these films need not come from the bone."
        )
    single = f" Of {len(baseline.figures)} figures, one can be above chance by coincidence." if len(same) == 1 else ""
    return f"Metadata alone predict the class somewhat better than chance {SCALE}: {named}.{single}"


def _figure_text(figure: KindScore) -> str:
    return f"{figure.kind} {figure.auroc.text}"


def card_json(card: DataCard) -> Iterator[bytes]:
    """Yield the card as JSON, with one line for each file; undefined numbers are null."""
    values = card.to_dict()
    head = {name: value for name, value in values.items() if name not in ONE_FILE_A_LINE}
    head["quantiles"] = list(QUANTILES)
    yield json.dumps(head, indent=1).encode()[:-2]
    for name in ONE_FILE_A_LINE:
        lines = ",\n".join(json.dumps(row) for row in values[name])
        yield f',\n "{name}": [\n{lines}\n ]'.encode()
    yield b"\n}\n"


def render_card(card: DataCard) -> bytes:
    """Return the page in UTF-8; all text is escaped, and file names that are not valid UTF-8 show escape codes."""
    page = load_template(f"index/datacard/{PAGE}").render(
        c=card,
        headline=headline(card.baseline),
        warning=is_warning(card.baseline),
        groups="patients" if card.total.patients == card.total.groups else "groups",
        strips={spread.name: strip(spread) for spread in card.spreads},
        verdicts=verdicts,
        folds=FOLDS,
        repeats=REPEATS,
        max_values=MAX_VALUES,
        max_names=MAX_NAMES,
        version=__version__,
    )
    return page.encode("utf-8", "backslashreplace")


def strip(spread: Spread) -> dict[str, Any]:
    """Return class -> quantiles scaled to 0..1; all classes share the scale."""
    values = [value for quantiles in spread.quantiles.values() for value in quantiles]
    low, high = min(values, default=0.0), max(values, default=0.0)
    width = (high - low) or 1.0
    return {label: [(value - low) / width for value in quantiles] for label, quantiles in spread.quantiles.items()}
