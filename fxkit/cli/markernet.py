"""fxkit markernet: train the network that finds markers, or adapt it to a site."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.options import PATH, print_notes
from preprocess.words import amount

if TYPE_CHECKING:
    from preprocess.markernet.scene import Film

ROOT_HELP = "Folder that the paths in a CSV are relative to.  [default: folder of the CSV]"

OUT_HELP = "ONNX file to write. Its .safetensors file is written beside it."

WORSE_FRACTION = (
    1e-3  # warn if tuning increases the area that is erased outside markers by more than this part of a film
)


@cloup.group("markernet", short_help="Train the marker network, or adapt it to a site.")
def markernet() -> None:
    """Train the network that finds markers, or adapt it to a site. Use the result with `clean-labels --weights`."""


@markernet.command("train", short_help="Train the network from films without markers.")
@cloup.argument("data", type=PATH)
@cloup.option("--root", type=PATH, help=ROOT_HELP)
@cloup.option("--also", type=PATH, multiple=True, help="Another folder of films. Repeatable.")
@cloup.option(
    "--marked",
    type=(PATH, PATH),
    multiple=True,
    metavar="MARKERS FOLDER",
    help="COCO file of films that bear markers, and the folder of these films. Markers with a score below 0.5 may be "
    "none: they are not learnt from. Repeatable.",
)
@cloup.option("--out", type=PATH, required=True, help=OUT_HELP)
@cloup.option("--start", type=PATH, help="Weights to start from, a .safetensors file.  [default: random weights]")
@cloup.option("--lr", type=click.FloatRange(0, min_open=True), help="Peak learning rate. Use a lower one with --start.")
@cloup.option("--average", is_flag=True, help="With --start: average its weights with the trained ones.")
@cloup.option("--rounds", type=click.IntRange(1), help="Rounds of training; each ends with a checkpoint.")
@cloup.option("--steps", type=click.IntRange(1), help="Gradient steps per round.")
@cloup.option("--threads", type=click.IntRange(1), help="Processor threads for the network.")
@cloup.option("--seed", type=click.IntRange(0), help="Seed of pictures and weights.  [default: 0]")
def train(
    data: Path,
    root: Path | None,
    also: tuple[Path, ...],
    marked: tuple[tuple[Path, Path], ...],
    out: Path,
    start: Path | None,
    average: bool,
    **plan: float | None,
) -> None:
    """Train the network, mainly on films without markers. DATA is a folder, or a CSV file with a column `path`.

    Training draws markers and similar objects onto the films. It takes hours on two cores. Start an interrupted
    training again to continue it.

    Example: fxkit markernet train films.csv --root films --out markernet.onnx
    """
    from preprocess.markernet.lettering import missing_fonts
    from preprocess.markernet.training import TrainingPlan
    from preprocess.markernet.training import train as train_network
    from preprocess.markernet.weights import load_network, save_network

    network = load_network(start) if start else None
    films = _read_films(data, root, also, marked)
    chosen: dict[str, Any] = {name: value for name, value in plan.items() if value is not None}
    if missing := missing_fonts():
        click.echo(
            f"warning: {len(missing)} font packages are missing, so the drawn markers and the network will differ; "
            "pip install 'fxkit[fonts]'",
            err=True,
        )
    checkpoints = out.with_name(f"{out.stem}-training")
    click.echo(f"{amount(len(films), 'film')}; checkpoints in {checkpoints}", err=True)
    save_network(train_network(films, TrainingPlan(**chosen), checkpoints, network, average=average), out)
    click.echo(f"{out}: trained; use it with `fxkit clean-labels DATA --weights {out}`")


def _read_films(
    data: Path, root: Path | None, also: tuple[Path, ...], marked: tuple[tuple[Path, Path], ...]
) -> list["Film"]:
    """Return the films to train on: those without markers, and those whose markers a COCO file lists."""
    from preprocess.coco import read_coco
    from preprocess.folder.sources import list_sources
    from preprocess.markernet.scene import read_films

    films = []
    for sources in (list_sources(data, root), *(list_sources(folder, None) for folder in also)):
        print_notes(sources.notes)
        films += read_films(sources.root, dict.fromkeys(sources.paths, ()))
    for file, folder in marked:
        films += read_films(folder, {path: image.markers for path, image in read_coco(file).items()})
    return films


@markernet.command("tune", short_help="Adapt the network to the markers of a site.")
@cloup.argument("markers", type=PATH)
@cloup.argument("data", type=PATH)
@cloup.option("--root", type=PATH, help=ROOT_HELP)
@cloup.option("--out", type=PATH, required=True, help=OUT_HELP)
@cloup.option("--steps", type=click.IntRange(1), help="Gradient steps.  [default: 300]")
@cloup.option(
    "--aside",
    type=click.FloatRange(0.1, 0.9),
    default=0.3,
    show_default=True,
    help="Fraction of films held out for testing.",
)
@cloup.option("--seed", type=click.IntRange(0), help="Seed of the held-out films and of training.  [default: 0]")
def tune(markers: Path, data: Path, root: Path | None, out: Path, aside: float, **plan: int | None) -> None:
    """Adapt the network to a site, from 20 to 50 films in DATA whose markers a person has corrected.

    MARKERS is a COCO file that lists every marker of these films. Some of the films are held out to measure the recall
    before and after. Include only one copy of each film, otherwise these figures are too optimistic.

    Example: fxkit markernet tune corrected.json films --out site.onnx
    """
    from dataclasses import replace

    from preprocess.coco import read_coco
    from preprocess.coco_names import name_films
    from preprocess.folder.sources import list_sources
    from preprocess.markernet.tuning import PLAN
    from preprocess.markernet.tuning import tune as tune_network

    sources = list_sources(data, root)
    print_notes(sources.notes)
    marked = name_films(read_coco(markers), sources.paths, str(markers))
    chosen: dict[str, Any] = {name: value for name, value in plan.items() if value is not None}
    tuned = tune_network(sources.root, marked, out, plan=replace(PLAN, **chosen), held_out_fraction=aside)
    click.echo(
        f"trained on {amount(tuned.trained_on, 'film')}; tested on {amount(len(tuned.held_out), 'held-out film')} "
        f"with {amount(tuned.markers, 'marker')}:"
    )
    for name, recall in (("before", tuned.before), ("after", tuned.after)):
        click.echo(
            f"{name:<7} {recall.covered} of {amount(tuned.markers, 'marker')} covered; "
            f"on average {recall.beyond:.3%} of a film erased outside its markers"
        )
    if tuned.after.beyond > tuned.before.beyond + WORSE_FRACTION:
        click.echo(
            "warning: the tuned network erases more outside the markers; tune with more films, some without markers"
        )
    click.echo(f"{out}: use it with `fxkit clean-labels DATA --weights {out}`")
