"""fxkit report"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import CHECKED_POSITIVE, PATH, check_positive, hold, positive_option


@cloup.command(short_help="Write the report of a run again.")
@cloup.argument("run", type=PATH)
@positive_option(CHECKED_POSITIVE)
def report(run: Path, positive: str | None) -> None:
    """Write RUN/report.html again from the files in the run folder, and print its path.

    Example: fxkit report runs/resnet50-seed0
    """
    from fxkit.report.build import build_report

    hold(run)
    if positive is not None or (run / "config.yaml").is_file():  # a folder may hold an ablation alone
        check_positive(positive, run)
    click.echo(build_report(run))
