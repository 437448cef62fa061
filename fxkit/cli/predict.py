"""fxkit predict"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from fxkit.cli.options import PATH, TTA_HELP, device_option, list_image_files, print_notes

if TYPE_CHECKING:
    from fxkit.models.predict_images import ImagePrediction


@cloup.command(short_help="Predict single images or folders.")
@cloup.argument("model", type=PATH)
@cloup.argument("images", nargs=-1, required=True, type=PATH)
@cloup.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
@cloup.option("--raw", is_flag=True, help="Do not clean the images, even if the model was trained on cleaned films.")
@cloup.option(
    "--engine",
    type=click.Choice(["auto", "torch", "onnx", "openvino"]),
    default="auto",
    show_default=True,
    help="Software that runs the network. auto: torch on a GPU, else the exported file of the run, else torch.",
)
@cloup.option("--tta", type=click.Choice(["flips", "turns", "both"]), help=TTA_HELP)
@device_option()
@cloup.option("--max-pixels", type=int, help="Refuse images with more pixels.  [default: 100000000]")
def predict(
    model: Path,
    images: tuple[Path, ...],
    as_json: bool,
    raw: bool,
    engine: str,
    tta: str | None,
    device: str,
    max_pixels: int | None,
) -> None:
    """Print the probability of each class and the decision, for single images or whole folders.

    MODEL is a run folder, or a file that `fxkit export` made (.onnx or .xml). If the model was trained on cleaned
    films, each image is first cleaned in the same way. For research only. Do not use for diagnosis.

    Example: fxkit predict runs/resnet50-seed0 film.png
    """
    from fxkit.models.engines import open_network
    from fxkit.models.predict_images import ImagePrediction, predict_images
    from fxkit.models.test_time import AveragedNetwork, View, describe_views, select_views_of_run
    from preprocess.errors import one_line
    from preprocess.image_files import MAX_PIXELS

    paths, unlisted = list_image_files(images)
    views = select_views_of_run(model, tta) if tta else (View(),)
    opened = open_network(model, engine=engine, device=device, films=len(paths) * len(views))
    for note in filter(None, (opened.note, describe_views(views) if tta else "")):
        click.echo(f"note: {one_line(note)}", err=True)
    network = AveragedNetwork(opened.network, views) if tta else opened.network
    predictions = predict_images(network, paths, max_pixels=max_pixels or MAX_PIXELS, raw=raw)
    predictions += [ImagePrediction(folder, error=error) for folder, error in unlisted]
    if as_json:
        print_json(predictions, network.card.classes)
    else:
        print_table(predictions, network.card.classes)
    print_problems(predictions)


def print_problems(predictions: "Sequence[ImagePrediction]") -> None:
    """Print the films of one grey value and the errors. Exit with 1 if a file failed."""
    from preprocess.errors import one_line
    from preprocess.one_value import one_value_notes

    print_notes(one_value_notes([prediction.path for prediction in predictions if prediction.one_value]))
    errors = [prediction.error for prediction in predictions if prediction.error]
    for error in errors:
        click.echo(f"error: {one_line(error)}", err=True)
    if errors:
        raise SystemExit(1)


def print_json(predictions: "Sequence[ImagePrediction]", classes: Sequence[str]) -> None:
    """Print all predictions as a JSON list, failed ones with their error."""
    rows = [
        asdict(prediction) | {"probabilities": dict(zip(classes, prediction.probabilities, strict=False))}
        for prediction in predictions
    ]
    click.echo(json.dumps(rows, indent=1))


def print_table(predictions: "Sequence[ImagePrediction]", classes: Sequence[str]) -> None:
    """Print the predictions that did not fail as a table with tabs between its columns."""
    from preprocess.errors import one_line

    click.echo("\t".join(("decision", *(f"p({name})" for name in classes), "image")))
    for prediction in predictions:
        if not prediction.error:
            probabilities = (f"{p:.4f}" for p in prediction.probabilities)
            click.echo("\t".join((prediction.decision, *probabilities, one_line(prediction.path))))
