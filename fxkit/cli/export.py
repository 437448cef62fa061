"""fxkit export"""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH


@cloup.command(short_help="Export a model as one file that runs without fxkit.")
@cloup.argument("run", type=PATH)
@cloup.option(
    "--format",
    "form",
    type=click.Choice(["onnx", "openvino"]),
    default="onnx",
    show_default=True,
    help="onnx writes .onnx; openvino writes .xml and .bin and needs the extra `openvino`.",
)
@cloup.option("--out", type=PATH, help="Output file.  [default: RUN/exported/model.ENDING]")
def export(run: Path, form: str, out: Path | None) -> None:
    """Export a run's model as one file that takes grey films and returns class probabilities.

    The metadata in the file say how to use it. The exported model is compared with the run on its test films, and
    deleted if the probabilities differ.

    Example: fxkit export runs/resnet50-seed0
    """
    from fxkit.models.export import export_model

    result = export_model(run, form, out)
    films = "films of the run" if result.from_run else "synthetic films (the films of the run were not found)"
    click.echo(f"largest difference in probability: {result.difference:.1e} over {result.n_films} {films}")
    click.echo(f"model: {result.path}")
