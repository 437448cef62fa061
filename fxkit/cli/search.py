"""fxkit search"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.options import (
    PATH,
    device_option,
    load_source,
    model_options,
    print_positive,
    print_step,
    refuse_inside,
    refuse_resume_and_overwrite,
    source_options,
    take_options,
    warn_of_guess,
)
from fxkit.cli.training_settings import take_config
from preprocess.words import amount

if TYPE_CHECKING:
    from fxkit.config import Config
    from fxkit.training.search.results import SearchResult


MAX_PRINTED_TRIALS = 5


@cloup.command(short_help="Search for settings on grouped folds, without the test films.")
@source_options
@cloup.option_group(
    "Search",
    cloup.option(
        "--space", default="default", show_default=True, help="Search space: YAML file, or preset in configs/search."
    ),
    cloup.option(
        "--trials", type=click.IntRange(1), metavar="N", default=20, show_default=True, help="Number of trials."
    ),
    cloup.option("--folds", type=click.IntRange(3), metavar="K", default=5, show_default=True, help="Grouped folds."),
    cloup.option(
        "--objective",
        type=click.Choice(["auroc", "log_loss"]),
        default="auroc",
        show_default=True,
        help="Score on the held-out folds: auroc is maximised, log_loss is minimised.",
    ),
)
@model_options(cloup.option("--seed", type=int, help="Seed of the trials and of training."))
@cloup.option_group(
    "Run",
    cloup.option("--out", type=PATH, default=Path("runs/search"), show_default=True, help="Output folder."),
    cloup.option("--resume", is_flag=True, help="Continue the search in OUT; --trials counts finished trials."),
    cloup.option("--overwrite", is_flag=True, help="Delete the search in OUT first."),
    device_option("Device for testing: auto, cpu, cuda or mps."),
)
def search(
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    space: str,
    out: Path,
    **options: Any,
) -> None:
    """Search for training settings on grouped folds of train and val. Test films are never read.

    Optuna proposes settings (TPE sampler). Each trial trains one model per fold; a trial is stopped early if it falls
    behind. Writes best.yaml for `fxkit train --config`, and a table and a figure of all trials. Needs the extra
    `search`.

    Example: fxkit search --manifest manifest.csv --root xrays --trials 20
    """
    refuse_resume_and_overwrite(options)
    run_search, read_space, options_class = import_search()
    config = take_config(options)
    refuse_inside(out, data)
    search_space = read_space(space, config)
    image_root, records = load_source(data, manifest, root, config.seed)
    warn_of_guess(records, config)
    result = run_search(
        config,
        image_root,
        records,
        out,
        search_space,
        take_options(options_class, options),
        on_step=print_step,
    )
    print_result(result, config)
    if not any(record.split == "test" and record.status == "ok" for record in records):
        click.echo("note: this manifest has no test films; evaluate on other data, or index again with a test split")


def import_search() -> Any:
    """Import the search, which needs Optuna.

    Returns:
        The functions `search` and `read_space`, and the class `SearchOptions`.
    Raises:
        ConfigError: Optuna is not installed.
    """
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


def print_result(result: "SearchResult", config: "Config") -> None:
    """Print the best trials, and how to train with the best settings."""
    from fxkit.training.search.search import describe
    from fxkit.training.search.space import lookup

    states = [trial.state for trial in result.trials]
    click.echo(
        f"{amount(len(states), 'trial')}: {states.count('pruned')} stopped early, {states.count('failed')} failed"
    )
    print_positive(result.folder)
    click.echo(f"{result.objective} by film on held-out folds, mean over folds:")
    for trial in result.ranked[:MAX_PRINTED_TRIALS]:
        is_current = all(value == lookup(config, key) for key, value in trial.settings.items())
        remark = "  (the current settings)" if is_current else ""
        click.echo(f"  trial {trial.number + 1:>3}  {trial.score:.4f}  {describe(trial.settings)}{remark}")
    click.echo(f"table: {result.folder / 'trials.csv'}\nfigure: {result.folder / 'search.png'}")
    click.echo(
        f"The best score is optimistic: it is the maximum of {amount(states.count('complete'), 'trial')}, "
        f"measured on the films "
        "that were used to choose it. For an honest score, train with best.yaml and test on films that the search did "
        "not use:"
    )
    click.echo(f"next: fxkit train --config {result.folder / 'best.yaml'}, then fxkit evaluate")
