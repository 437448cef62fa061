"""fxkit compare"""

import json
from pathlib import Path

import click
import cloup

from fxkit.cli.options import CHECKED_POSITIVE, PATH, check_positive, positive_option
from preprocess.words import amount


@cloup.command(short_help="Compare two runs on the same films.")
@cloup.argument("run_a", type=PATH)
@cloup.argument("run_b", type=PATH)
@cloup.option(
    "--on", "part", default="", help="Subfolder of both runs, such as evaluations/NAME.  [default: test films]"
)
@positive_option(CHECKED_POSITIVE)
@cloup.option("--json", "as_json_text", is_flag=True, help="Print JSON instead of a table.")
def compare(run_a: Path, run_b: Path, part: str, positive: str | None, as_json_text: bool) -> None:
    """Compare two evaluated runs by film: paired differences with 95 % intervals over groups, and p values.

    The p value of the AUROC comes from DeLong's test if every group is a single film. All other p values come from a
    permutation test that swaps the two models' predictions group by group.

    Example: fxkit compare runs/resnet50-seed0 runs/densenet121-seed0
    """
    from fxkit.evaluation.compare_runs import compare_runs, rows_text
    from preprocess.errors import one_line

    check_positive(positive, run_a, run_b)
    result = compare_runs(run_a, run_b, part=part)
    if as_json_text:
        click.echo(json.dumps(result.to_dict(), indent=1))
        return
    click.echo(
        f"{amount(result.n_films, 'film')}, {amount(result.n_groups, 'group')}; differences are "
        f"{run_a.name} (a) minus {run_b.name} (b)"
    )
    if result.positive:
        click.echo(f"positive class: {one_line(result.positive)}")
    for letter, stamp in zip("ab", result.stamps, strict=True):
        if stamp:
            click.echo(f"{letter}: {one_line(stamp)}")
    if result.left_out:
        click.echo(result.left_out)
    click.echo("\n".join(rows_text(result.rows)))
    click.echo(
        f"{amount(len(result.rows), 'figure was', 'figures were')} tested; a single small p value can be due to chance"
    )
