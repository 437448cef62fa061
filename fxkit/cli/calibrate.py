"""fxkit calibrate"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH, device_option


@cloup.command(short_help="Fit the temperature of a finished run.")
@cloup.argument("run", type=PATH)
@cloup.option("--root", type=PATH, help="Folder of the run's films, if they were moved.")
@device_option()
def calibrate(run: Path, root: Path | None, device: str) -> None:
    """Calibrate a run by temperature scaling on its validation films.

    `fxkit train` already does this; the command is for runs of older versions. The ranking of films and the decisions
    do not change.

    Example: fxkit calibrate runs/resnet50-seed0
    """
    from fxkit.evaluation.temperature import calibrate_run

    fit = calibrate_run(run, root=root, device=device)
    click.echo(fit.text)
    if (run / "metrics.json").is_file():
        click.echo(
            f"the figures in the run folder still use the old probabilities; to update them, run `fxkit evaluate {run}`"
        )
