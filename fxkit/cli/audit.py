"""fxkit audit"""

from pathlib import Path

import click


@click.command(short_help="Tell whether a run's score may be believed, on one page.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--data-card",
    type=click.Path(path_type=Path),
    help="data.json that `fxkit index` wrote of the same films; RUN/data.json if not given.",
)
@click.option(
    "--ablation",
    type=click.Path(path_type=Path),
    help="Folder of `fxkit ablate masked-vs-raw`; the run folder if not given.",
)
def audit(run: Path, data_card: Path | None, ablation: Path | None) -> None:
    """Write RUN/audit.html, audit.md and audit.json: leaks, cases, markers, metadata, calibration, other data and more.

    Reads what lies in the run folder and beside it, and trains nothing. What was not tested is said with the command
    that tests it. A draft of the CLAIM 2024 items and a model card are in it.

    Example: fxkit audit runs/resnet50-seed0 --data-card data.json
    """
    from fxkit.audit.page import build_audit

    found = build_audit(run, data_card=data_card, ablation=ablation)
    for answer in found.answers:
        click.echo(f"{answer.look.sign} {answer.look.word:<10}  {answer.question} {answer.reason}")
    click.echo(f"{found.verdict.may_be_believed} {found.verdict.missing}".strip())
    click.echo(found.page)
