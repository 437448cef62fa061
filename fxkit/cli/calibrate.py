"""fxkit calibrate"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import CHECKED_POSITIVE, PATH, check_positive, device_option, positive_option, print_positive


@cloup.command(short_help="Fit the temperature of a finished run.")
@cloup.argument("run", type=PATH)
@cloup.option("--root", type=PATH, help="Folder of the run's films, if they were moved.")
@positive_option(CHECKED_POSITIVE)
@device_option()
def calibrate(run: Path, root: Path | None, positive: str | None, device: str) -> None:
    """Calibrate a run by temperature scaling on its validation films.

    `fxkit train` already does this; the command is for runs of older versions. The ranking of films and the decisions
    do not change.

    Example: fxkit calibrate runs/resnet50-seed0
    """
    from fxkit.evaluation.temperature import calibrate_run

    check_positive(positive, run)
    fit = calibrate_run(run, root=root, device=device)
    print_positive(run)
    click.echo(fit.text)
    if (run / "metrics.json").is_file():
        click.echo(
            f"the figures in the run folder still use the old probabilities; to update them, run `fxkit evaluate {run}`"
        )
