"""fxkit train --folds"""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fxkit.bootstrap import Interval


def train_and_print(*source: Any, **how: Any) -> None:
    """Train a model a fold, and print the figure of each fold, pooled and averaged, by film."""
    from fxkit.cli import one_line
    from fxkit.folds import train_folds

    result = train_folds(*source, **how, on_step=lambda step: click.echo(one_line(step), err=True))
    found = result.found
    for stamp in dict.fromkeys(filter(None, (result.stamp, found.stamp))):
        click.echo(stamp)
    for fold in found.folds:
        click.echo(f"fold {fold.fold}: {_shown(fold.found)}, {fold.n_films} films of {fold.found.n_groups} groups")
    click.echo(f"out of fold: {found.metric} by film, 95 % intervals over groups")
    click.echo(f"  mean of folds  {_shown(found.mean)}, standard deviation of the folds {found.spread:.3f}")
    click.echo(f"  pooled         {_shown(found.headline)}, fair only where the models' probabilities are calibrated")
    click.echo(f"figures: {result.folder / 'metrics_out_of_fold.json'}")
    other = "" if result.n_test else " --data OTHER, as there are no test films"
    click.echo(f"run: {result.folder} (the mean of {len(found.folds)} models)")
    click.echo(f"next: fxkit evaluate {result.folder}{other}")


def _shown(found: "Interval") -> str:
    if found.value != found.value:
        return "undefined"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
