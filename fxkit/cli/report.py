"""fxkit report"""

from pathlib import Path

import click


@click.command(short_help="Write a run's report anew.")
@click.argument("run", type=click.Path(path_type=Path))
def report(run: Path) -> None:
    """Write RUN/report.html anew from what lies in the run folder, and print its path.

    Example: fxkit report runs/resnet50-seed0
    """
    from fxkit.report.build import build_report

    click.echo(build_report(run))
