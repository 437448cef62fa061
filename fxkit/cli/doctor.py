"""fxkit doctor"""

import shutil
import textwrap

import click


@click.command(short_help="Say what is at hand, and what is missing.")
def doctor() -> None:
    """Say what is installed and at hand, what is missing, and how to get it.

    Nothing is downloaded. Exits with 1 when a problem would stop a command.

    Example: fxkit doctor
    """
    from fxkit.doctor import examine
    from preprocess.errors import one_line

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        lines = fold(one_line(finding.detail), width)
        if finding.remedy:
            lines += fold(f"-> {one_line(finding.remedy)}", width)
        click.echo(f"{finding.name:<{width}}  {finding.state:<7}  {lines[0]}")
        for line in lines[1:]:
            click.echo(" " * (width + 11) + line)
    problems = [finding.name for finding in findings if finding.state == "problem"]
    if problems:
        click.echo(f"problems: {', '.join(problems)}", err=True)
        raise click.exceptions.Exit(1)


def fold(text: str, indent: int) -> list[str]:
    """Break text into lines of the terminal's width; commands and paths stay whole."""
    room = max(40, min(shutil.get_terminal_size().columns, 120) - indent - 11)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
