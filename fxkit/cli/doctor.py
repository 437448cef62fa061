"""fxkit doctor"""

import shutil
import textwrap

import click
import cloup


@cloup.command(short_help="Check the installation.")
def doctor() -> None:
    """List versions, devices, models and weights: what is ready, what is missing, and how to get it.

    Nothing is downloaded. The exit code is 1 if a problem would stop a command.

    Example: fxkit doctor
    """
    from fxkit.doctor import examine
    from preprocess.errors import one_line

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        lines = wrap(one_line(finding.detail), width)
        if finding.remedy:
            lines += wrap(f"-> {one_line(finding.remedy)}", width)
        click.echo(f"{finding.name:<{width}}  {finding.state:<7}  {lines[0]}")
        for line in lines[1:]:
            click.echo(" " * (width + 11) + line)
    problems = [finding.name for finding in findings if finding.state == "problem"]
    if problems:
        click.echo(f"problems: {', '.join(problems)}", err=True)
        raise click.exceptions.Exit(1)


def wrap(text: str, indent: int) -> list[str]:
    """Wrap text to the width of the terminal without breaking commands and paths."""
    room = max(40, min(shutil.get_terminal_size().columns, 120) - indent - 11)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
