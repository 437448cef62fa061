"""`fxkit index`: which films there are, which belong together, and how they are split."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fxkit.data.index import Count


def parse_fractions(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    """Read "0.7,0.15,0.15"."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r}; expected three numbers such as 0.7,0.15,0.15") from error


@click.command("index", short_help="Find films, group their copies, split honestly.")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("manifest.csv"),
    show_default=True,
    help="Manifest to write.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Folder that a CSV's paths are relative to.  [default: the CSV's]",
)
@click.option(
    "--split",
    type=click.Choice(["grouped", "random"]),
    default="grouped",
    show_default=True,
    help="random divides files, not groups: only to show how much that flatters.",
)
@click.option("--keep-split", is_flag=True, help="Keep the split of the folders or of the CSV.")
@click.option(
    "--fractions",
    callback=parse_fractions,
    default="0.7,0.15,0.15",
    show_default=True,
    help="Of train, val and test.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=100_000_000,
    show_default=True,
    help="Refuse larger images.",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--overwrite", is_flag=True, help="Replace a manifest with other rows.")
def index_command(
    data: Path,
    out: Path,
    root: Path | None,
    split: str,
    keep_split: bool,
    fractions: tuple[float, ...],
    seed: int,
    max_pixels: int,
    jobs: int,
    overwrite: bool,
) -> None:
    """Read every film of DATA, group its copies, split by group and write a manifest.

    DATA is a folder of CLASS/ folders, of SPLIT/CLASS/ folders, or a CSV file with the columns path and
    label, and split, patient and site if known. Files that cannot be read are listed and left out.

    \b
    fxkit index data/forearm
    fxkit index data/forearm/patients.csv --out manifest.csv
    """
    from fxkit.cli import one_line
    from fxkit.data.index import count_splits, index_data, write_index
    from fxkit.data.manifest import OK
    from fxkit.report.leak_page import write_leaks

    if keep_split and split == "random":
        raise click.UsageError("--keep-split and --split random exclude each other")
    with click.progressbar(length=0, label="files", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(1)

        index = index_data(
            data,
            root=root,
            split="keep" if keep_split else split,
            fractions=fractions,
            seed=seed,
            max_pixels=max_pixels,
            jobs=jobs,
            progress=show,
        )
    write_index(out, index, overwrite=overwrite)
    bad = [record for record in index.records if record.status != OK]
    for record in bad:
        click.echo(one_line(f"left out: {record.path}: {record.status}"))
    for note in index.notes:
        click.echo(one_line(note))
    for line in table(count_splits(index.records)):
        click.echo(line)
    if keep_split or split == "random":
        click.echo(one_line(f"leaks: {write_leaks(out.parent, index.records, index.root, max_pixels=max_pixels)}"))
    click.echo(one_line(f"{out}: {len(index.records)} rows, {len(bad)} of them left out; root {index.root}"))


def table(counts: Sequence["Count"]) -> list[str]:
    """Return the counts as lines of aligned text."""
    from fxkit.cli import one_line

    rows = [["split", "files", "films", "groups", *map(one_line, counts[0].by_class)]]
    for count in counts:
        rows.append([count.split, *map(str, (count.files, count.films, count.groups, *count.by_class.values()))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
