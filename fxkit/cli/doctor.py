"""fxkit doctor"""

import click


@click.command()
def doctor() -> None:
    """Say what is installed and at hand, what is missing, and how to get it.

    Nothing is downloaded. Exits with 1 when a problem would stop a command.

    Example: fxkit doctor
    """
    from fxkit.cli import one_line
    from fxkit.doctor import examine

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        click.echo(f"{finding.name:<{width}}  {finding.state:<7}  {one_line(finding.detail)}")
        if finding.remedy:
            click.echo(f"{'':<{width}}  {'':<7}  -> {one_line(finding.remedy)}")
    problems = [finding.name for finding in findings if finding.state == "problem"]
    if problems:
        click.echo(f"problems: {', '.join(problems)}", err=True)
        raise click.exceptions.Exit(1)
