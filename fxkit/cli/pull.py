"""fxkit pull"""

from pathlib import Path

import click


@click.command(short_help="Take over a model that was passed on.")
@click.argument("source")
@click.argument("destination", type=click.Path(path_type=Path))
def pull(source: str, destination: Path) -> None:
    """Take over a model from a folder, or from hf://user/name, for predict, export and evaluate --data.

    Example: fxkit pull shared/resnet50 runs/theirs
    """
    from fxkit.models.sharing.push import pull as pull_model

    click.echo(f"run: {pull_model(source, destination)}")
