"""fxkit audit"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import CHECKED_POSITIVE, PATH, check_positive, hold, positive_option, print_positive

CHECK_FAILED = 4  # exit code, unlike those of errors


@cloup.command(short_help="Judge on one page whether a score can be trusted.")
@cloup.argument("run", type=PATH)
@cloup.option(
    "--data-card", type=PATH, help="data.json that `fxkit index` wrote for the films.  [default: RUN/data.json]"
)
@cloup.option("--ablation", type=PATH, help="Output folder of `fxkit ablate masked-vs-raw`.  [default: RUN]")
@cloup.option(
    "--cleaned", type=PATH, help="Cleaned folder with a sample that `fxkit review --sample` judged: the markers left."
)
@positive_option(CHECKED_POSITIVE)
@cloup.option(
    "--fail-on",
    type=click.Choice(["fail", "caution"]),
    help="Exit with 4 if a question has this answer or a worse one, for automatic checks. A question that was not "
    "tested counts as caution.",
)
@cloup.option("--json", "as_json", is_flag=True, help="Print audit.json instead of the answers.")
def audit(
    run: Path,
    data_card: Path | None,
    ablation: Path | None,
    cleaned: Path | None,
    positive: str | None,
    fail_on: str | None,
    as_json: bool,
) -> None:
    """Write RUN/audit.html, audit.md and audit.json: eleven questions about the score, each with its evidence.

    The audit reads the run folder and trains nothing. For every question that was not tested it names the command that
    tests it. The page also holds a draft of the CLAIM 2024 checklist and a model card.

    RUN may also be a folder of predictions of a model that was made elsewhere (`fxkit evaluate --predictions`).

    Example: fxkit audit runs/resnet50-seed0 --data-card data.json
    """
    from fxkit.audit.page import build_audit

    hold(run)
    check_positive(positive, run)
    result = build_audit(run, data_card=data_card, ablation=ablation, cleaned=cleaned)
    if as_json:
        click.echo((result.page.parent / "audit.json").read_text(encoding="utf-8"), nl=False)
    else:
        print_positive(run)
        for answer in result.answers:
            click.echo(f"{answer.look.sign} {answer.look.word:<10}  {answer.question} {answer.reason}")
        click.echo(f"{result.verdict.may_be_believed} {result.verdict.missing}".strip())
        click.echo(result.page)
    bad = {"fail": {"red"}, "caution": {"red", "amber", "grey"}}.get(fail_on or "", set())
    failed = [answer.key for answer in result.answers if answer.colour in bad]
    if failed:
        click.echo(f"--fail-on {fail_on}: {', '.join(failed)}", err=True)
        click.get_current_context().exit(CHECK_FAILED)
