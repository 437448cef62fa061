"""`fxkit index`: find films, group their copies, split them, and write a manifest."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.options import MAX_PIXELS, PATH, cluster_options, hold, positive_option
from preprocess.words import amount

if TYPE_CHECKING:
    from fxkit.data.manifest import PartCount
    from fxkit.index.build import Index, IndexOptions


def parse_fractions(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    """Parse a text such as ``0.7,0.15,0.15``."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r}; expected three numbers such as 0.7,0.15,0.15") from error


def parse_strata(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Parse a text such as ``site,marker``, or several such texts, in any order."""
    kinds = {part.strip() for text in texts for part in text.split(",")}
    unknown = sorted(kinds - {"site", "marker"})
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r}; expected site, marker, or site,marker")
    return tuple(sorted(kinds))


@cloup.command("index", short_help="Find films, group their copies, split honestly.")
@cloup.argument("data", type=PATH, nargs=-1, required=True)
@cloup.option_group(
    "Files",
    cloup.option("--out", type=PATH, default=Path("manifest.csv"), show_default=True, help="Manifest to write."),
    cloup.option(
        "--root", type=PATH, help="Folder that the paths in a CSV are relative to.  [default: folder of the CSV]"
    ),
    cloup.option("--cache", type=PATH, help="Cache of what was read and compared.  [default: OUT with .cache]"),
    cloup.option("--overwrite", is_flag=True, help="Replace an existing manifest that has different rows."),
    positive_option("Positive class of the data card.  [default: the class whose name means a finding]"),
    cloup.option(
        "--pages/--no-pages",
        default=True,
        show_default=True,
        help="Write data.html, groups.html and, for a split that may leak, leaks.html beside the manifest.",
    ),
    cloup.option(
        "--max-pixels",
        type=click.IntRange(1),
        default=MAX_PIXELS,
        show_default=True,
        help="Refuse images with more pixels.",
    ),
)
@cloup.option_group(
    "Groups",
    cloup.option("--copies/--no-copies", default=True, show_default=True, help="Find copies by their pixels."),
    cloup.option(
        "--dicom-ids/--no-dicom-ids",
        default=True,
        show_default=True,
        help="Group by the patient, study and image ids in DICOM files.",
    ),
    cloup.option("--accept", type=PATH, metavar="CSV", help="Pairs that are copies, as groups.html saves them."),
    cloup.option("--reject", type=PATH, metavar="CSV", help="Pairs that are not copies, as groups.html saves them."),
)
@cloup.option_group(
    "Labels",
    cloup.option(
        "--labels",
        type=PATH,
        metavar="CSV",
        multiple=True,
        help="Verdicts on labels, as labels.html of `fxkit label-errors` saves them: accepted labels replace those of "
        "the data. Repeatable; applied in this order.",
    ),
)
@cloup.option_group(
    "Split",
    cloup.option(
        "--split",
        type=click.Choice(["grouped", "random"]),
        default="grouped",
        show_default=True,
        help="grouped keeps groups together. random splits files, only to show how much that inflates scores.",
    ),
    cloup.option("--keep-split", is_flag=True, help="Keep the split of the folders or of the CSV."),
    cloup.option(
        "--fractions",
        callback=parse_fractions,
        default="0.7,0.15,0.15",
        show_default=True,
        help="Fractions of train, val and test.",
    ),
    cloup.option(
        "--folds", type=click.IntRange(2), metavar="K", help="Also divide train and val into K folds by group."
    ),
    cloup.option(
        "--stratify",
        multiple=True,
        callback=parse_strata,
        metavar="KINDS",
        help="Balance the splits by site, marker style, or both (site,marker), in addition to the class.",
    ),
    cloup.option(
        "--markers",
        type=PATH,
        help="Cleaned folder, ledger.jsonl or COCO file with the markers, for --stratify marker and the pages.",
    ),
    cloup.option(
        "--frozen",
        type=PATH,
        metavar="MANIFEST",
        help="Keep the split and fold of every group in this older manifest; divide only new groups.",
    ),
    cloup.option("--hold-out", metavar="SITE", default="", help="Use all films of this site as the test split."),
    cloup.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the split."),
)
@cluster_options
def index_command(
    data: tuple[Path, ...],
    out: Path,
    keep_split: bool,
    pages: bool,
    overwrite: bool,
    **options: Any,
) -> None:
    """Read all films in DATA, group copies of the same film, split by group, and write a manifest.

    DATA is a folder with CLASS/ or SPLIT/CLASS/ subfolders, or a CSV file with the columns path and label and, if
    known, split, patient and site. If several folders are given, each is a site with the name of its folder. Files that
    cannot be read are listed and left out.

    \b
    Examples:
      fxkit index data/forearm
      fxkit index data/forearm/patients.csv --out manifest.csv
      fxkit index hospitals/east hospitals/west --hold-out west
      fxkit index data/forearm --frozen manifest.csv --out grown.csv
    """
    from fxkit.index.build import write_index
    from fxkit.index.pages.leaks_page import remove_old_leaks
    from preprocess.errors import one_line

    if keep_split and options["split"] == "random":
        raise click.UsageError("--keep-split and --split random cannot be combined")
    if keep_split:
        options["split"] = "keep"
    options["cache"] = options["cache"] or out.with_suffix(".cache")
    settings = build_options(**options)
    hold(out)
    index = index_with_progress(data, settings)
    write_index(out, index, overwrite=overwrite)
    remove_old_leaks(out.parent)
    headline, page_files = write_pages(out, index, settings) if pages else ([], [])
    n_left_out = sum(record.status != "ok" for record in index.records)
    total = f"{out}: {amount(len(index.records), 'row')}, {n_left_out} of them left out; root {index.root}"
    for line in [*headline, *describe_index(index), *(f"{page.stem}: {page}" for page in page_files), total]:
        click.echo(one_line(line))


def build_options(folds: int | None, markers: Path | None, **options: Any) -> "IndexOptions":
    """Build the options of the library, and read the file of known markers."""
    from fxkit.index.build import IndexOptions
    from preprocess.known_markers import read_known_markers

    return IndexOptions(folds=folds or 0, markers=read_known_markers(markers) if markers else None, **options)


def index_with_progress(data: Sequence[Path], options: "IndexOptions") -> "Index":
    """Index the data, and show the progress on stderr if it is a terminal."""
    from fxkit.index.build import index_data

    with click.progressbar(length=0, label="files", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def show_progress(step: str, done: int, total: int) -> None:
            bar.label, bar.length = step, total
            bar.update(done - bar.pos)

        return index_data(data, options, progress=show_progress)


def write_pages(out: Path, index: "Index", settings: "IndexOptions") -> tuple[list[str], list[Path]]:
    """Write the pages beside the manifest; return the headline of the data card and the paths of the pages."""
    from fxkit.index.datacard.page import PAGE, summary_lines, write_data_card
    from fxkit.index.pages.groups_page import write_groups
    from fxkit.index.pages.leaks_page import write_leaks

    folder, known, max_pixels = out.parent, settings.markers, settings.max_pixels
    images = {record.path: known.find(record.path) for record in index.records} if known else {}
    marker_texts = {path: [marker.text for marker in image.markers] for path, image in images.items() if image}
    card = write_data_card(folder, index, known, settings.cache)
    pages = [folder / PAGE]
    pages.append(write_groups(folder, index.records, index.root, index.copies, marker_texts, max_pixels=max_pixels))
    if settings.split in ("keep", "random"):  # these splits may leak
        pages.append(write_leaks(folder, index.records, index.root, max_pixels=max_pixels))
    return summary_lines(card), pages


def describe_index(index: "Index") -> list[str]:
    """Return one line for each file that is left out, the notes, the positive class, and the table of the splits."""
    from fxkit.data.manifest import count_splits
    from fxkit.data.positive import positive_line

    left_out = [f"left out: {record.path}: {record.status}" for record in index.records if record.status != "ok"]
    positive = index.order.warning or positive_line(index.order.classes)
    notes = [*left_out, *index.notes, *filter(None, [positive])]
    return [*notes, *table(count_splits(index.records, index.order.classes))]


def table(parts: Sequence["PartCount"]) -> list[str]:
    """Return the counts of each split as lines of an aligned table."""
    from preprocess.errors import one_line

    rows = [["split", "files", "films", "groups", *map(one_line, parts[0].by_class)]]
    for part in parts:
        rows.append([part.split, *map(str, (part.files, part.films, part.groups, *part.by_class.values()))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
