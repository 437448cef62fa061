"""fxkit predict"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from fxkit.cli.options import (
    CHECKED_POSITIVE,
    PATH,
    TTA_HELP,
    device_option,
    list_image_files,
    positive_option,
    print_notes,
)

if TYPE_CHECKING:
    from fxkit.models.predict_images import Card, ImagePrediction


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
@positive_option(CHECKED_POSITIVE)
@device_option()
@cloup.option("--max-pixels", type=int, help="Refuse images with more pixels.  [default: 100000000]")
def predict(
    model: Path,
    images: tuple[Path, ...],
    as_json: bool,
    raw: bool,
    tta: str | None,
    positive: str | None,
    max_pixels: int | None,
    **network_options: str,
) -> None:
    """Print the probability of each class and the decision, for single images or whole folders.

    MODEL is a run folder, or a file that `fxkit export` made (.onnx or .xml). If the model was trained on cleaned
    films, each image is first cleaned in the same way. For research only. Do not use for diagnosis.

    Example: fxkit predict runs/resnet50-seed0 film.png
    """
    from fxkit.data.positive import check_order
    from fxkit.models.engines import open_network
    from fxkit.models.predict_images import ImagePrediction, predict_images
    from fxkit.models.test_time import AveragedNetwork, View, describe_views, select_views_of_run
    from preprocess.errors import one_line
    from preprocess.image_files import MAX_PIXELS

    paths, unlisted = list_image_files(images)
    views = select_views_of_run(model, tta) if tta else (View(),)
    opened = open_network(model, films=len(paths) * len(views), **network_options)
    if positive is not None:
        check_order(opened.network.card.classes, positive, str(model))
    for note in filter(None, (opened.note, describe_views(views) if tta else "")):
        click.echo(f"note: {one_line(note)}", err=True)
    network = AveragedNetwork(opened.network, views) if tta else opened.network
    predictions = predict_images(network, paths, max_pixels=max_pixels or MAX_PIXELS, raw=raw)
    predictions += [ImagePrediction(folder, error=error) for folder, error in unlisted]
    (print_json if as_json else print_table)(predictions, network.card)
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


def print_json(predictions: "Sequence[ImagePrediction]", card: "Card") -> None:
    """Print all predictions as a JSON list, failed ones with their error."""
    from fxkit.data.positive import positive_class

    same = {"positive": positive_class(card.classes), "threshold": card.threshold if len(card.classes) == 2 else None}
    rows = [
        asdict(prediction) | {"probabilities": dict(zip(card.classes, prediction.probabilities, strict=False))} | same
        for prediction in predictions
    ]
    click.echo(json.dumps(rows, indent=1))


def print_table(predictions: "Sequence[ImagePrediction]", card: "Card") -> None:
    """Print the predictions that did not fail as a table with tabs between its columns; a note says how it decides."""
    from fxkit.data.positive import positive_line
    from preprocess.errors import one_line

    if len(card.classes) == 2:
        click.echo(f"note: {positive_line(card.classes)}, from a probability of {card.threshold:.4g} on", err=True)
    click.echo("\t".join(("decision", *(f"p({name})" for name in card.classes), "image")))
    for prediction in predictions:
        if not prediction.error:
            probabilities = (f"{p:.4f}" for p in prediction.probabilities)
            click.echo("\t".join((prediction.decision, *probabilities, one_line(prediction.path))))
