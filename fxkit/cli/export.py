"""fxkit export"""

from pathlib import Path

import click


@click.command(short_help="Write a model as one file that runs without fxkit.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["onnx", "openvino"]),
    default="onnx",
    show_default=True,
    help="onnx: .onnx; openvino: .xml and .bin (extra `openvino`).",
)
@click.option("--out", type=click.Path(path_type=Path), help="File to write; RUN/exported/model.ENDING if not given.")
def export(run: Path, form: str, out: Path | None) -> None:
    """Write a run's model as one file: grey films in, probabilities out, and how to use it in its metadata.

    The file is compared with the model over the run's test films, and not kept where they differ.

    Example: fxkit export runs/resnet50-seed0
    """
    from fxkit.models.export import export_model

    made = export_model(run, form, out)
    films = "films of the run" if made.from_run else "made films (the run's own are not at hand)"
    click.echo(f"largest difference in probability: {made.difference:.1e} over {made.n_films} {films}")
    click.echo(f"model: {made.path}")
