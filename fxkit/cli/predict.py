"""fxkit predict"""

import json
from dataclasses import asdict
from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH, TTA_HELP, device_option


@cloup.command(short_help="Predict single images or folders.")
@cloup.argument("model", type=PATH)
@cloup.argument("images", nargs=-1, required=True, type=PATH)
@cloup.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
@cloup.option(
    "--raw", is_flag=True, help="Do not clean the images first, although the model was trained on cleaned films."
)
@cloup.option(
    "--engine",
    type=click.Choice(["auto", "torch", "onnx", "openvino"]),
    default="auto",
    show_default=True,
    help="What runs the network. auto: torch on a GPU, else the exported file of the run, else torch.",
)
@cloup.option("--tta", type=click.Choice(["flips", "turns", "both"]), help=TTA_HELP)
@device_option()
@cloup.option("--max-pixels", type=int, help="Refuse larger images.  [default: 100000000]")
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
    from preprocess.errors import ImageError, KnownError, one_line
    from preprocess.image_files import EXTENSIONS, MAX_PIXELS
    from preprocess.listing import image_paths

    unlisted: list[ImagePrediction] = []

    def note(path: str, error: ImageError) -> None:
        unlisted.append(ImagePrediction(path, error=str(error)))

    paths = [
        path
        for given in images
        for path in ([given / name for name in image_paths(given, on_error=note)] if given.is_dir() else [given])
    ]
    if not paths and not unlisted:
        folders, endings = ", ".join(map(str, images)), ", ".join(sorted(EXTENSIONS))
        raise KnownError(f"no image in {folders}; expected files ending in {endings}")
    views = select_views_of_run(model, tta) if tta else (View(),)
    opened = open_network(model, engine=engine, device=device, films=len(paths) * len(views))
    notes = [opened.note, describe_views(views) if tta else ""]
    for note_text in filter(None, notes):
        click.echo(f"note: {one_line(note_text)}", err=True)
    network = AveragedNetwork(opened.network, views) if tta else opened.network
    results = predict_images(network, paths, max_pixels=max_pixels or MAX_PIXELS, raw=raw) + unlisted
    if as_json:
        classes = network.card.classes
        rows = [asdict(r) | {"probabilities": dict(zip(classes, r.probabilities, strict=False))} for r in results]
        click.echo(json.dumps(rows, indent=1))
    else:
        click.echo("\t".join(("decision", *(f"p({name})" for name in network.card.classes), "image")))
        for result in filter(lambda r: not r.error, results):
            shown = (f"{p:.4f}" for p in result.probabilities)
            click.echo("\t".join((result.decision, *shown, one_line(result.path))))
    failed = [r for r in results if r.error]
    for result in failed:
        click.echo(f"error: {one_line(result.error)}", err=True)
    if failed:
        raise SystemExit(1)
