"""fxkit report"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH


@cloup.command(short_help="Write the report of a run again.")
@cloup.argument("run", type=PATH)
def report(run: Path) -> None:
    """Write RUN/report.html again from the files in the run folder, and print its path.

    Example: fxkit report runs/resnet50-seed0
    """
    from fxkit.report.build import build_report

    click.echo(build_report(run))
