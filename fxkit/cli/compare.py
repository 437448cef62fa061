"""fxkit compare"""

import json
from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH


@cloup.command(short_help="Compare two runs on the same films.")
@cloup.argument("run_a", type=PATH)
@cloup.argument("run_b", type=PATH)
@cloup.option(
    "--on", "part", default="", help="Subfolder of both runs, such as evaluations/NAME.  [default: test films]"
)
@cloup.option("--json", "as_text", is_flag=True, help="Print JSON instead of a table.")
def compare(run_a: Path, run_b: Path, part: str, as_text: bool) -> None:
    """Compare two evaluated runs by film: paired differences with 95 % intervals over groups, and p values.

    The p value of the AUROC comes from DeLong's test if every group is a single film. All other p values come from a
    permutation test that swaps the two models' predictions group by group.

    Example: fxkit compare runs/resnet50-seed0 runs/densenet121-seed0
    """
    from dataclasses import asdict

    from fxkit.evaluation.compare_runs import compare_runs
    from fxkit.metrics.json_result import as_json

    found = compare_runs(run_a, run_b, part=part)
    if as_text:
        click.echo(json.dumps(as_json(asdict(found)), indent=1))
        return
    click.echo(f"{found.n_films} films, {found.n_groups} groups; differences are {run_a.name} minus {run_b.name}")
    if found.only_a or found.only_b:
        click.echo(f"left out because only one run predicted them: {found.only_a} and {found.only_b} files")
    click.echo(f"{'figure':<20} {'a':>6} {'b':>6}  {'difference, 95 % interval':<29} {'p':>6}  test")
    for row in found.rows:
        shown = f"{row.difference:+.3f}"
        p = f"{row.p:.3f}" if row.p == row.p else "-"
        click.echo(f"{row.metric:<20} {row.a.value:>6.3f} {row.b.value:>6.3f}  {shown:<29} {p:>6}  {row.test}")
    click.echo(f"{len(found.rows)} figures were tested; one small p value among them may be chance")
