"""fxkit pull"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH


@cloup.command(short_help="Copy a shared model into a run folder.")
@cloup.argument("source")
@cloup.argument("destination", type=PATH)
def pull(source: str, destination: Path) -> None:
    """Copy a shared model from a folder, or from hf://user/name. Use it with predict, export and evaluate --data.

    Example: fxkit pull shared/resnet50 runs/theirs
    """
    from fxkit.models.sharing.push import pull as pull_model

    click.echo(f"run: {pull_model(source, destination)}")
