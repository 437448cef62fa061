"""fxkit audit"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import CHECKED_POSITIVE, PATH, check_positive, positive_option, print_positive


@cloup.command(short_help="Judge on one page whether a run's score can be trusted.")
@cloup.argument("run", type=PATH)
@cloup.option(
    "--data-card", type=PATH, help="data.json that `fxkit index` wrote for the films.  [default: RUN/data.json]"
)
@cloup.option("--ablation", type=PATH, help="Output folder of `fxkit ablate masked-vs-raw`.  [default: RUN]")
@positive_option(CHECKED_POSITIVE)
def audit(run: Path, data_card: Path | None, ablation: Path | None, positive: str | None) -> None:
    """Write RUN/audit.html, audit.md and audit.json: eleven questions about the score, each with its evidence.

    The audit reads the run folder and trains nothing. For every question that was not tested it names the command that
    tests it. The page also holds a draft of the CLAIM 2024 checklist and a model card.

    Example: fxkit audit runs/resnet50-seed0 --data-card data.json
    """
    from fxkit.audit.page import build_audit

    check_positive(positive, run)
    result = build_audit(run, data_card=data_card, ablation=ablation)
    print_positive(run)
    for answer in result.answers:
        click.echo(f"{answer.look.sign} {answer.look.word:<10}  {answer.question} {answer.reason}")
    click.echo(f"{result.verdict.may_be_believed} {result.verdict.missing}".strip())
    click.echo(result.page)
