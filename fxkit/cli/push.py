"""fxkit push"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH


@cloup.command(short_help="Share a model with its model card, without private data.")
@cloup.argument("run", type=PATH)
@cloup.argument("destination")
@cloup.option("--public", is_flag=True, help="Make a new hf:// repository public. Default: private.")
@cloup.option(
    "--with-hashes",
    "hashes",
    is_flag=True,
    help="Include the SHA-256 of each training file, so that anyone who has a film can tell that it was used.",
)
@cloup.option("--overwrite", is_flag=True, help="Replace an earlier push in the folder.")
def push(run: Path, destination: str, public: bool, hashes: bool, overwrite: bool) -> None:
    """Copy the model, settings, figures and model card of a run to a folder, or to hf://user/name.

    Paths, hashes, and the names of films, patients and sites are left out.

    Example: fxkit push runs/resnet50-seed0 shared/resnet50
    """
    from fxkit.models.sharing.push import push as push_model

    click.echo(f"model: {push_model(run, destination, public=public, hashes=hashes, overwrite=overwrite)}")
