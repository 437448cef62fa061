"""fxkit calibrate"""

from pathlib import Path

import click


@click.command(short_help="Fit the temperature of a finished run.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--root", type=click.Path(path_type=Path), help="Where the run's films lie now, if they moved.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
def calibrate(run: Path, root: Path | None, device: str) -> None:
    """Fit a model's temperature on its validation films, so that its probabilities mean what they say.

    `fxkit train` does it by itself; this is for runs made before it did. Decisions do not change.

    Example: fxkit calibrate runs/resnet50-seed0
    """
    from fxkit.evaluation.temperature import calibrate_run

    fit = calibrate_run(run, root=root, device=device)
    click.echo(fit.text)
    if (run / "metrics.json").is_file():
        click.echo(f"figures made before are of the old probabilities: run `fxkit evaluate {run}` again")
