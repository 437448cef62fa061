"""fxkit calibrate"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import (
    CHECKED_POSITIVE,
    PATH,
    check_positive,
    device_option,
    hold,
    positive_option,
    print_positive,
)


@cloup.command(short_help="Calibrate the probabilities of a run or a table.")
@cloup.argument("run", type=PATH)
@cloup.option("--root", type=PATH, help="Folder of the run's films, if they were moved.")
@positive_option(CHECKED_POSITIVE)
@device_option()
def calibrate(run: Path, root: Path | None, positive: str | None, device: str) -> None:
    """Calibrate the probabilities of a run on its validation films, or on the out-of-fold predictions of its folds.

    All logits are divided by a temperature, and a bias is added to each class, which also corrects the class weights of
    the training. `fxkit train` already does this for each model; the command is for runs of older versions, and for the
    averaged model of a run with folds. With two classes, the ranking of films and the decisions do not change.

    For predictions of a model that was made elsewhere (`fxkit evaluate --predictions`), the correction is fitted on
    their rows of the split val and written as a formula and a table: calibration.json and calibration.csv.

    Example: fxkit calibrate runs/resnet50-seed0
    """
    hold(run)
    check_positive(positive, run)
    if (run / "source.json").is_file():
        _calibrate_table(run)
        return
    from fxkit.evaluation.calibrate import calibrate_run

    fit = calibrate_run(run, root=root, device=device)
    print_positive(run)
    click.echo(fit.text)
    if (run / "metrics.json").is_file():
        click.echo(
            f"the figures in the run folder still use the old probabilities; to update them, run `fxkit evaluate {run}`"
        )


def _calibrate_table(folder: Path) -> None:
    """Calibrate predictions that were made elsewhere, and print the formula and its effect on the test films."""
    from fxkit.evaluation.external.calibrate import FIT, calibrate_table

    result = calibrate_table(folder)
    print_positive(folder)
    click.echo(result.fit.text)
    click.echo(result.formula)
    changes = (
        f"{name.replace('_', ' ')} {result.before[name]:.3f} -> {result.after[name]:.3f}" for name in result.before
    )
    click.echo(f"test films: {', '.join(changes)}")
    click.echo(f"decisions stay the same from {result.threshold:.4f}")
    click.echo(folder / FIT)
