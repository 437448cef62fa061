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


@cloup.command(short_help="Calibrate the probabilities of a finished run.")
@cloup.argument("run", type=PATH)
@cloup.option("--root", type=PATH, help="Folder of the run's films, if they were moved.")
@positive_option(CHECKED_POSITIVE)
@device_option()
def calibrate(run: Path, root: Path | None, positive: str | None, device: str) -> None:
    """Calibrate the probabilities of a run on its validation films, or on the out-of-fold predictions of its folds.

    All logits are divided by a temperature, and a bias is added to each class, which also corrects the class weights of
    the training. `fxkit train` already does this for each model; the command is for runs of older versions, and for the
    averaged model of a run with folds. With two classes, the ranking of films and the decisions do not change.

    Example: fxkit calibrate runs/resnet50-seed0
    """
    from fxkit.evaluation.calibrate import calibrate_run

    hold(run)
    check_positive(positive, run)
    fit = calibrate_run(run, root=root, device=device)
    print_positive(run)
    click.echo(fit.text)
    if (run / "metrics.json").is_file():
        click.echo(
            f"the figures in the run folder still use the old probabilities; to update them, run `fxkit evaluate {run}`"
        )
