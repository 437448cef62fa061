"""fxkit compare"""

import json
from pathlib import Path

import click


@click.command(short_help="Compare two runs on the same films.")
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option(
    "--on", "part", default="", help="Folder in both runs, such as evaluations/NAME; their test films if not given."
)
@click.option("--json", "as_text", is_flag=True, help="JSON instead of a table.")
def compare(run_a: Path, run_b: Path, part: str, as_text: bool) -> None:
    """Compare two evaluated runs: paired differences of their figures with intervals over groups, and p values.

    By film. p is DeLong's for the AUROC where every group is a single film, else of swapping predictions by group.

    Example: fxkit compare runs/resnet50-seed0 runs/densenet121-seed0
    """
    from dataclasses import asdict

    from fxkit.evaluation.compare_runs import compare_runs
    from fxkit.metrics.summary import as_json

    found = compare_runs(run_a, run_b, part=part)
    if as_text:
        click.echo(json.dumps(as_json(asdict(found)), indent=1))
        return
    click.echo(f"{found.n_films} films, {found.n_groups} groups; differences are {run_a.name} minus {run_b.name}")
    if found.only_a or found.only_b:
        click.echo(f"left out, as only one run predicted them: {found.only_a} and {found.only_b} files")
    click.echo(f"{'figure':<20} {'a':>6} {'b':>6}  {'difference, 95 % interval':<29} {'p':>6}  test")
    for row in found.rows:
        shown = f"{row.difference:+.3f}"
        p = f"{row.p:.3f}" if row.p == row.p else "-"
        click.echo(f"{row.metric:<20} {row.a.value:>6.3f} {row.b.value:>6.3f}  {shown:<29} {p:>6}  {row.test}")
    click.echo(f"{len(found.rows)} figures are tested: a single small p among them may be chance")
