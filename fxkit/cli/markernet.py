"""fxkit markernet: train the network that finds markers, or adapt it to a site."""

from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path)

WORSE = 1e-3  # of a film: more than that beyond its markers is worth a warning


@click.group("markernet", short_help="Train the network that finds markers, or adapt it to a site.")
def markernet() -> None:
    """Train the network that finds markers, or adapt it to a site. `clean-labels --weights` uses what it writes."""


@markernet.command("train", short_help="Train it anew on films without markers.")
@click.argument("data", type=FILE)
@click.option("--root", type=FILE, help="What the paths of a CSV are relative to.  [default: its folder]")
@click.option("--also", type=FILE, multiple=True, help="Another folder of films; may be given several times.")
@click.option("--out", type=FILE, required=True, help="ONNX file to write; its .safetensors goes beside it.")
@click.option("--start", type=FILE, help="A network's .safetensors to go on from.  [default: random weights]")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Highest learning rate; lower with --start.")
@click.option("--average", is_flag=True, help="With --start: take the mean of its weights and the trained ones.")
@click.option("--rounds", type=click.IntRange(1), help="Of training; after each it can be stopped and gone on with.")
@click.option("--steps", type=click.IntRange(1), help="Gradient steps a round.")
@click.option("--threads", type=click.IntRange(1), help="Processor threads of the network; another process draws.")
@click.option("--seed", type=click.IntRange(0), help="Of pictures and weights.  [default: 0]")
def train(
    data: Path,
    root: Path | None,
    also: tuple[Path, ...],
    out: Path,
    start: Path | None,
    average: bool,
    **plan: float | None,
) -> None:
    """Train it anew on the films of DATA, a folder or a CSV file with a column `path`, none of which bears a marker.

    Markers and things that look like them are drawn onto the films as training goes on. It takes hours on two cores.
    A run that was stopped goes on when it is started again.

    Example: fxkit markernet train films.csv --root films --out markernet.onnx
    """
    from preprocess.folder.sources import list_sources
    from preprocess.markernet.lettering import missing_fonts
    from preprocess.markernet.scene import read_films
    from preprocess.markernet.training import Plan
    from preprocess.markernet.training import train as train_network
    from preprocess.markernet.weights import load_network, save_network

    network = load_network(start) if start else None
    films = []
    for sources in (list_sources(data, root), *(list_sources(folder, None) for folder in also)):
        films += read_films(sources.root, dict.fromkeys(sources.paths, ()))
    chosen: dict[str, Any] = {name: value for name, value in plan.items() if value is not None}
    if missing := missing_fonts():
        click.echo(
            f"warning: {len(missing)} packages of typefaces are missing, so other markers are drawn and another "
            "network comes of it; pip install 'fxkit[fonts]'",
            err=True,
        )
    click.echo(f"{len(films)} films; checkpoints in {_folder(out)}", err=True)
    save_network(train_network(films, Plan(**chosen), _folder(out), network, average=average), out)
    click.echo(f"{out}: trained; use it with `fxkit clean-labels DATA --weights {out}`")


@markernet.command("tune", short_help="Adapt it to a site.")
@click.argument("markers", type=FILE)
@click.argument("data", type=FILE)
@click.option("--root", type=FILE, help="What the paths of a CSV are relative to.  [default: its folder]")
@click.option("--out", type=FILE, required=True, help="ONNX file to write; its .safetensors goes beside it.")
@click.option("--steps", type=click.IntRange(1), help="Gradient steps.  [default: 300]")
@click.option("--aside", type=click.FloatRange(0.1, 0.9), default=0.3, show_default=True, help="Share kept aside.")
@click.option("--seed", type=click.IntRange(0), help="Of the films kept aside and of training.  [default: 0]")
def tune(markers: Path, data: Path, root: Path | None, out: Path, aside: float, **plan: int | None) -> None:
    """Adapt it to the films of DATA whose markers MARKERS lists: a COCO file, corrected by hand, of 20 to 50 films.

    Every marker of a listed film must be in it. Part of the films is kept aside to measure recall before and after;
    leave out copies of one film, or the figures mean nothing.

    Example: fxkit markernet tune corrected.json films --out site.onnx
    """
    from dataclasses import replace

    from preprocess.coco import read_coco
    from preprocess.coco_names import name_films
    from preprocess.folder.sources import list_sources
    from preprocess.markernet.tuning import PLAN
    from preprocess.markernet.tuning import tune as tune_network

    sources = list_sources(data, root)
    marked = name_films(read_coco(markers), sources.paths, str(markers))
    chosen: dict[str, Any] = {name: value for name, value in plan.items() if value is not None}
    tuned = tune_network(sources.root, marked, out, plan=replace(PLAN, **chosen), aside=aside)
    click.echo(f"trained on {tuned.trained_on} films; on {len(tuned.aside)} others with {tuned.markers} markers:")
    for name, recall in (("before", tuned.before), ("after", tuned.after)):
        click.echo(
            f"{name:<7} {recall.found} of {tuned.markers} markers covered, {recall.beyond:.3%} of a film beyond them"
        )
    if tuned.after.beyond > tuned.before.beyond + WORSE:
        click.echo("warning: it erases more beyond the markers than before; give it more films, some without markers")
    click.echo(f"{out}: use it with `fxkit clean-labels DATA --weights {out}`")


def _folder(out: Path) -> Path:
    return out.with_name(f"{out.stem}-training")
