"""`fxkit synth`: make radiograph-like films with known truth."""

import sys
from pathlib import Path

import click


@click.command("synth", short_help="Make radiograph-like films with known truth.")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--films", type=click.IntRange(1), default=200, show_default=True, help="Films, copies not counted.")
@click.option("--copies", type=click.IntRange(0), default=0, show_default=True, help="Turned copies of each film.")
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(64, 4096),
    default=384,
    show_default=True,
    help="Longer side of a film, px.",
)
@click.option(
    "--copy-size",
    "copy_px",
    type=click.IntRange(32, 4096),
    default=224,
    show_default=True,
    help="Sides of a copy, px.",
)
@click.option(
    "--marker-correlation",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="How strongly marker style tells the class: 0 not at all, 1 wholly.",
)
@click.option(
    "--fractured",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Share of fractured patients.",
)
@click.option(
    "--min-severity",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Of fractures: 0 includes the subtlest, 1 leaves the plainest only.",
)
@click.option("--no-markers", is_flag=True, help="The same films without any marker.")
@click.option("--jpeg", is_flag=True, help="Write JPEG instead of PNG.")
@click.option("--sixteen-bit", is_flag=True, help="Write PNG of 16 bits.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--overwrite", is_flag=True, help="Replace the films of an earlier run in OUT.")
def synth_command(
    out: Path,
    films: int,
    fractured: float,
    no_markers: bool,
    jpeg: bool,
    sixteen_bit: bool,
    **settings: bool | float,
) -> None:
    """Make radiograph-like forearm films in OUT/fractured and OUT/not_fractured.

    The truth stands beside them: truth.csv (class, patient, film) and markers.json (COCO). The same seed
    gives the same bytes.

    \b
    fxkit synth demo/raw --films 120 --copies 2 --marker-correlation 0.8
    """
    from fxkit.synth.dataset import synth

    with click.progressbar(length=films, label="films", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        made = synth(
            out,
            films=films,
            fractured_fraction=fractured,
            markers=not no_markers,
            extension=".jpg" if jpeg else ".png",
            bits=16 if sixteen_bit else 8,
            progress=bar.update,
            **settings,  # type: ignore[arg-type]
        )
    click.echo(f"{made.root}: {made.films} films of {made.patients} patients, {made.files} files with copies")
    click.echo(f"truth: {made.root / 'truth.csv'} and {made.root / 'markers.json'} ({made.markers} markers)")
