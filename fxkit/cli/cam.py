"""fxkit cam"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.given_ablation import refuse_input_options
from fxkit.cli.given_cam import Explained, explain_given
from fxkit.cli.given_options import given_options, model_option, output_options, predictor_option
from fxkit.cli.options import (
    CHECKED_POSITIVE,
    PATH,
    check_positive,
    device_option,
    hold,
    list_image_files,
    positive_option,
    print_notes,
)

if TYPE_CHECKING:
    from fxkit.explain.films import Film

UNDEFINED = "sanity check undefined: the maps of the network, or of its shuffled weights, are constant"


@cloup.command(short_help="Show where a model looks, and how much of that is on markers.")
@cloup.argument("run", type=PATH, required=False)
@cloup.argument("images", nargs=-1, type=PATH)
@cloup.option("--root", type=PATH, help="Folder of the run's films, if they were moved.")
@cloup.option("--markers", type=PATH, help="Cleaned folder, ledger.jsonl or COCO file with the markers of the films.")
@cloup.option(
    "--limit",
    type=click.IntRange(0),
    default=24,
    show_default=True,
    help="Maximum number of test films; 0: all.",
)
@cloup.option(
    "--method",
    type=click.Choice(["grad-cam", "grad-cam++", "hirescam", "layercam", "eigencam", "occlusion"]),
    help="Method of the maps. occlusion covers parts of the film and needs no gradients.  [default: grad-cam; "
    "occlusion for a model made elsewhere]",
)
@cloup.option("--boxes", type=PATH, help="COCO file of fracture boxes on the test films, for the pointing game.")
@cloup.option("--sanity", is_flag=True, help="Compare the maps with those of the same network with shuffled weights.")
@cloup.option("--out", type=PATH, help="Output folder.  [default: RUN/cam]")
@positive_option(CHECKED_POSITIVE)
@device_option()
@given_options(model_option, predictor_option, *output_options)
def cam(
    run: Path | None,
    images: tuple[Path, ...],
    root: Path | None,
    markers: Path | None,
    limit: int,
    boxes: Path | None,
    out: Path | None,
    **options: Any,
) -> None:
    """Draw maps of where a model looks, and measure how much of that lies on markers, compared with chance.

    IMAGES are files or folders. Without IMAGES, the command takes one file of each film in the run's test split. It
    reads the markers from --markers, else from the folder ROOT-clean if `clean-labels` made one.

    With --model or --predictor, RUN is the folder that `fxkit evaluate` wrote for that model, or there are IMAGES only.

    Example: fxkit cam runs/resnet50-seed0 --markers xrays-clean

    Example: fxkit cam results --model model.onnx --markers xrays-clean
    """
    from fxkit.data.positive import positive_line
    from fxkit.explain.explain import describe_summary

    options |= {"root": root, "markers": markers, "limit": limit, "boxes": boxes}
    if out or run:
        hold(out or Path(str(run)))
    if options["model"] is not None or options["predictor"] is not None:
        explained = explain_given(run, images, out, options)
    elif run is None:
        raise click.UsageError("give RUN, or a model made elsewhere with --model or --predictor")
    else:
        explained = explain_run(run, images, out, options)
    summary = explained.summary
    print_notes(summary.notes)
    lines = [summary.stamp, positive_line(explained.classes), *describe_summary(summary)]
    lines += [UNDEFINED if options["sanity"] and summary.sanity is None else ""]
    click.echo("\n".join(filter(None, [*lines, f"pictures: {explained.folder / 'sheet.png'}"])))


def explain_run(run: Path, images: tuple[Path, ...], out: Path | None, options: dict[str, Any]) -> Explained:
    """Map the test films of a run, or other images, with the run's model."""
    from fxkit.explain.explain import ExplainOptions, explain, explain_with
    from fxkit.explain.films import films_from_run
    from fxkit.explain.mapper import METHODS
    from fxkit.explain.occlusion import OcclusionMapper
    from fxkit.models.given.open import open_model
    from fxkit.models.predict_images import build_cleaner
    from fxkit.models.run_folder import open_run
    from fxkit.models.saved import load_model
    from preprocess.settings import read_clean_settings

    refuse_input_options(options)
    model, opened = load_model(run), open_run(run)
    check_positive(options["positive"], run)
    if images and options["boxes"]:
        raise click.UsageError("--boxes describes the run's test films, so it cannot be combined with IMAGES")
    keys = ("root", "markers", "boxes", "limit")
    from_run = partial(films_from_run, opened, **{key: options[key] for key in keys})
    films = _list_films(images, options["markers"]) if images else from_run()
    raw = read_clean_settings(options["root"] or opened.root) is None
    settings = ExplainOptions(
        method=options["method"] or METHODS[0],
        sanity=options["sanity"],
        clean=build_cleaner(model) if images or raw else None,
        max_pixels=opened.config.data.max_pixels,
        device=options["device"],
        stamp=opened.stamp,
    )
    folder = out or run / "cam"
    if options["method"] == "occlusion":
        mapper = OcclusionMapper(open_model(run, engine="torch", device=options["device"]))
        return Explained(explain_with(mapper, films, folder, settings).summary, folder, opened.classes)
    return Explained(explain(model, films, folder, settings).summary, folder, opened.classes)


def _list_films(images: tuple[Path, ...], markers: Path | None) -> "Iterator[Film]":
    from fxkit.explain.films import films_from_images

    paths, unlisted = list_image_files(images)
    print_notes(error for _, error in unlisted)
    return films_from_images(paths, markers)
