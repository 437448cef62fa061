"""fxkit predict"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.given_options import given_options, open_given, output_options, predictor_option, read_given_options
from fxkit.cli.options import (
    PATH,
    TTA_HELP,
    device_option,
    list_image_files,
    positive_option,
    print_notes,
)

if TYPE_CHECKING:
    from fxkit.models.predict_images import AnyNetwork, Card, ImagePrediction


@cloup.command(short_help="Predict single images or folders.")
@cloup.argument("model", required=False)
@cloup.argument("images", nargs=-1, type=PATH)
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
@positive_option("Positive class of two. A model of fxkit is refused unless this is its positive class.")
@device_option()
@cloup.option("--max-pixels", type=int, help="Refuse images with more pixels.  [default: 100000000]")
@given_options(
    predictor_option,
    *output_options,
    cloup.option(
        "--show-input", type=PATH, metavar="FILE.png", help="Write a picture of the first film as the model gets it."
    ),
)
def predict(
    model: str | None, images: tuple[Path, ...], as_json: bool, raw: bool, show_input: Path | None, **options: Any
) -> None:
    """Print the probability of each class and the decision, for single images or whole folders.

    MODEL is a run folder, a file that `fxkit export` made (.onnx or .xml), an ONNX classifier of any program, or
    timm:NAME, hf-hub:OWNER/NAME or local-dir:FOLDER of a model in timm's format. With --predictor there is no MODEL.
    If the model was trained by fxkit on cleaned films, each image is first cleaned in the same way. For research only.
    Do not use for diagnosis.

    Example: fxkit predict runs/resnet50-seed0 film.png

    Example: fxkit predict model.onnx films --classes normal,fractured --mean 0.5 --std 0.5 --show-input input.png
    """
    from fxkit.models.predict_images import ImagePrediction, predict_images
    from preprocess.image_files import MAX_PIXELS

    if options["predictor"] is not None:  # the first argument is an image, too
        model, images = None, (*([Path(model)] if model else []), *images)
    if not images or (model is None) == (options["predictor"] is None):
        raise click.UsageError("give a MODEL, or --predictor MODULE:FUNCTION, and one or more IMAGES")
    paths, unlisted = list_image_files(images)
    max_pixels = options.pop("max_pixels") or MAX_PIXELS
    network = open_for_prediction(model, len(paths), **options)
    if show_input is not None:
        write_input(network, paths, show_input, max_pixels)
    predictions = predict_images(network, paths, max_pixels=max_pixels, raw=raw)
    predictions += [ImagePrediction(folder, error=error) for folder, error in unlisted]
    (print_json if as_json else print_table)(predictions, network.card)
    print_problems(predictions)


def open_for_prediction(
    model: str | None, n_films: int, tta: str | None, predictor: str | None, engine: str, device: str, **options: Any
) -> "AnyNetwork":
    """Open the network that the options name, and print notes on it."""
    from fxkit.models.test_time import AveragedNetwork, View, describe_views, select_views_of_run

    if tta and model is None:
        raise click.UsageError("--tta needs a run folder, whose training says which views it used")
    further = {name: options.pop(name) for name in ("scale", "positive", "threshold")}
    given, _ = read_given_options(options, **further)
    views = select_views_of_run(str(model), tta) if tta else (View(),)
    opened = open_given(model, predictor, given, engine=engine, device=device, films=n_films * len(views))
    print_notes(filter(None, (opened.note, describe_views(views) if tta else "")))
    if opened.kind not in ("run", "export"):
        print_notes(line for line in opened.describe() if not line.startswith("positive class: "))  # see print_table
    return AveragedNetwork(opened.network, views) if tta else opened.network  # type: ignore[arg-type]  # of a run


def write_input(network: "AnyNetwork", paths: Sequence[Path], file: Path, max_pixels: int) -> None:
    """Write the first film that can be read as the network gets it, and print its values."""
    from fxkit.models.given.show_input import picture_of_input
    from preprocess.errors import ImageError
    from preprocess.images import read_image, to_grey8, write_image

    for path in paths:
        try:
            film = to_grey8(read_image(path, max_pixels=max_pixels))
        except ImageError:
            continue
        picture, text = picture_of_input(network, film)
        write_image(file, picture)
        print_notes([f"{file}: {path} as the model gets it: {text}"])
        return


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
