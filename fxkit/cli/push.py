"""fxkit push"""

from pathlib import Path

import click


@click.command(short_help="Pass a model on, with its model card and nothing private.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("destination")
@click.option("--public", is_flag=True, help="Of hf://: a new repository is for everybody, not for its owner alone.")
@click.option(
    "--with-hashes",
    "hashes",
    is_flag=True,
    help="Pass on the SHA-256 of each film's file, by which `fxkit evaluate`, and whoever holds a film, can tell that "
    "it was in training.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier push in the folder.")
def push(run: Path, destination: str, public: bool, hashes: bool, overwrite: bool) -> None:
    """Write a run's model, settings, figures and model card to a folder, or to hf://user/name.

    Paths, names and hashes of films, patients and sites are left out.

    Example: fxkit push runs/resnet50-seed0 shared/resnet50
    """
    from fxkit.models.sharing.push import push as push_model

    place = push_model(run, destination, public=public, hashes=hashes, overwrite=overwrite)
    click.echo(f"model: {place}")
