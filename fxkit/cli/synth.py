"""`fxkit synth`: make synthetic radiographs with known truth."""

import sys
from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH
from preprocess.words import amount


@cloup.command("synth", short_help="Make synthetic radiographs with known truth.")
@cloup.argument("out", type=PATH)
@cloup.option_group(
    "Films",
    cloup.option(
        "--films", type=click.IntRange(1), default=200, show_default=True, help="Number of films, without copies."
    ),
    cloup.option("--copies", type=click.IntRange(0), default=0, show_default=True, help="Rotated copies of each film."),
    cloup.option(
        "--size",
        "size_px",
        type=click.IntRange(64, 4096),
        default=384,
        show_default=True,
        help="Longer side of a film, px.",
    ),
    cloup.option(
        "--copy-size",
        "copy_px",
        type=click.IntRange(32, 4096),
        default=224,
        show_default=True,
        help="Side of a copy, px.",
    ),
    cloup.option("--jpeg", is_flag=True, help="Write JPEG instead of PNG."),
    cloup.option("--sixteen-bit", is_flag=True, help="Write 16-bit PNG."),
)
@cloup.option_group(
    "Content",
    cloup.option(
        "--marker-correlation",
        type=click.FloatRange(0, 1),
        default=0.0,
        show_default=True,
        help="How strongly the marker style predicts the class: 0 not at all, 1 completely.",
    ),
    cloup.option(
        "--fractured",
        type=click.FloatRange(0, 1),
        default=0.5,
        show_default=True,
        help="Fraction of fractured patients.",
    ),
    cloup.option(
        "--min-severity",
        type=click.FloatRange(0, 1),
        default=0.0,
        show_default=True,
        help="Mildest fracture: 0 includes the subtlest, 1 only the most obvious.",
    ),
    cloup.option("--no-markers", is_flag=True, help="Leave out the markers; everything else stays the same."),
    cloup.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the films."),
)
@cloup.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Number of processes.")
@cloup.option("--overwrite", is_flag=True, help="Replace the films of an earlier run in OUT.")
def synth_command(
    out: Path,
    films: int,
    fractured: float,
    no_markers: bool,
    jpeg: bool,
    sixteen_bit: bool,
    jobs: int,
    overwrite: bool,
    **settings: float,
) -> None:
    """Make synthetic forearm radiographs in OUT/fractured and OUT/not_fractured.

    The ground truth is written beside them: truth.csv (class, patient, film) and markers.json (COCO). The same seed
    gives the same files, byte for byte.

    Example: fxkit synth demo/raw --films 120 --copies 2 --marker-correlation 0.8
    """
    from fxkit.synth.dataset import SynthOptions, synth

    options = SynthOptions(
        films=films,
        fractured_fraction=fractured,
        markers=not no_markers,
        extension=".jpg" if jpeg else ".png",
        bits=16 if sixteen_bit else 8,
        **settings,  # type: ignore[arg-type]
    )
    with click.progressbar(length=films, label="films", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        result = synth(out, options, overwrite=overwrite, jobs=jobs, progress=bar.update)
    click.echo(
        f"{result.root}: {amount(result.films, 'film')} of {amount(result.patients, 'patient')}, "
        f"{amount(result.files, 'file')} including copies"
    )
    click.echo(
        f"truth: {result.root / 'truth.csv'} and {result.root / 'markers.json'} ({amount(result.markers, 'marker')})"
    )
