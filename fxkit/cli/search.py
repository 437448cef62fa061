"""fxkit search"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxkit.cli.options import load_source, refuse_inside, source_options

if TYPE_CHECKING:
    from fxkit.config import Config
    from fxkit.training.search.results import SearchResult


SHOWN = 5  # trials printed


@click.command(short_help="Search for settings by folds; test films stay out.")
@source_options
@click.option(
    "--space",
    default="default",
    show_default=True,
    help="What varies: YAML file, or a preset's name in configs/search.",
)
@click.option("--trials", type=click.IntRange(1), metavar="N", default=20, show_default=True, help="Settings to try.")
@click.option("--folds", type=click.IntRange(3), metavar="K", default=5, show_default=True, help="As for train.")
@click.option(
    "--objective",
    type=click.Choice(["auroc", "log_loss"]),
    default="auroc",
    show_default=True,
    help="Of the films held out; log_loss is least.",
)
@click.option("--config", "preset", help="As for train: the settings that do not vary.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As for train.")
@click.option("--backbone", help="As for train.")
@click.option("--weights", type=click.Path(), help="As for train.")
@click.option("--no-pretrained", is_flag=True, help="As for train.")
@click.option("--epochs", metavar="HEAD,FINETUNE", help="As for train.")
@click.option("--seed", type=int, help="As for train; also of what is tried.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/search"), show_default=True, help="Folder to make."
)
@click.option("--resume", is_flag=True, help="Go on with the search in OUT; --trials counts those done.")
@click.option("--overwrite", is_flag=True, help="Delete the search in OUT first.")
@click.option("--device", default="auto", show_default=True, help="For testing: auto, cpu, cuda or mps.")
def search(
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    space: str,
    trials: int,
    folds: int,
    objective: str,
    out: Path,
    resume: bool,
    overwrite: bool,
    device: str,
    **options: Any,
) -> None:
    """Search for settings on grouped folds of train and val; test films are not read.

    Optuna proposes settings (TPE), a model a fold answers, and hopeless trials are stopped after the fold that shows
    it. Leaves best.yaml, which `fxkit train --config` takes, a table and a figure of the trials. Needs the extra
    "search".

    Example: fxkit search --manifest manifest.csv --root xrays --trials 20
    """
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    from fxkit.cli.options import build_config
    from preprocess.errors import one_line

    run_search, read_space, options_class = _load()
    config = build_config(**options)
    refuse_inside(out, data)
    found = read_space(space, config)
    image_root, records = load_source(data, manifest, root, config.seed)
    result = run_search(
        config,
        image_root,
        records,
        out,
        found,
        options_class(trials, folds, objective, resume=resume, overwrite=overwrite, device=device),
        on_step=lambda step: click.echo(one_line(step), err=True),
    )
    _print(result, config)
    if not any(r.split == "test" and r.status == "ok" for r in records):
        click.echo("note: this manifest has no test films; evaluate on other data, or index with a test part")


def _load() -> Any:
    """The search and what reads its space, where Optuna is there."""
    from fxkit.errors import ConfigError

    try:
        from fxkit.training.search.search import SearchOptions
        from fxkit.training.search.search import search as run_search
        from fxkit.training.search.space import read_space
    except ModuleNotFoundError as error:
        if error.name not in ("optuna", "sqlalchemy"):
            raise
        raise ConfigError(
            f'fxkit search needs {error.name}, which is not installed; install it with: pip install "fxkit[search]"'
        ) from error
    return run_search, read_space, SearchOptions


def _print(result: "SearchResult", config: "Config") -> None:
    from fxkit.training.search.search import describe
    from fxkit.training.search.space import lookup

    states = [trial.state for trial in result.trials]
    click.echo(f"{len(states)} trials: {states.count('pruned')} stopped early, {states.count('failed')} failed")
    click.echo(f"{result.objective} by film, mean of folds out of fold:")
    for trial in result.ranked[:SHOWN]:
        stood = all(value == lookup(config, key) for key, value in trial.settings.items())
        standing = "  (the settings as they stood)" if stood else ""
        click.echo(f"  trial {trial.number + 1:>3}  {trial.score:.4f}  {describe(trial.settings)}{standing}")
    click.echo(f"table: {result.folder / 'trials.csv'}\nfigure: {result.folder / 'search.png'}")
    click.echo(
        f"The best figure is optimistic: it is the best of {states.count('complete')}, chosen by the films that it is "
        "measured on. For an honest one, train with best.yaml and test on films that had no part in the search:"
    )
    click.echo(f"next: fxkit train --config {result.folder / 'best.yaml'}, then fxkit evaluate")
