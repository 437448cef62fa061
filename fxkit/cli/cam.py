"""fxkit cam"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.options import (
    CHECKED_POSITIVE,
    PATH,
    check_positive,
    device_option,
    hold,
    list_image_files,
    positive_option,
    print_notes,
    take_options,
)

if TYPE_CHECKING:
    from fxkit.explain.films import Film

UNDEFINED = "sanity check undefined: the maps of the network, or of its shuffled weights, are constant"


@cloup.command(short_help="Show where a model looks, and how much of that is on markers.")
@cloup.argument("run", type=PATH)
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
    type=click.Choice(["grad-cam", "grad-cam++", "hirescam", "layercam", "eigencam"]),
    default="grad-cam",
    show_default=True,
    help="Method of the activation maps.",
)
@cloup.option("--boxes", type=PATH, help="COCO file of fracture boxes on the test films, for the pointing game.")
@cloup.option("--sanity", is_flag=True, help="Compare the maps with those of the same network with shuffled weights.")
@cloup.option("--out", type=PATH, help="Output folder.  [default: RUN/cam]")
@positive_option(CHECKED_POSITIVE)
@device_option()
def cam(
    run: Path,
    images: tuple[Path, ...],
    root: Path | None,
    markers: Path | None,
    limit: int,
    boxes: Path | None,
    out: Path | None,
    **options: Any,
) -> None:
    """Draw class activation maps, and measure how much of them lies on markers, compared with chance.

    IMAGES are files or folders. Without IMAGES, the command takes one file of each film in the run's test split. It
    reads the markers from --markers, else from the folder ROOT-clean if `clean-labels` made one.

    Example: fxkit cam runs/resnet50-seed0 --markers xrays-clean
    """
    from fxkit.data.positive import positive_line
    from fxkit.explain.explain import ExplainOptions, describe_summary, explain
    from fxkit.explain.films import films_from_run
    from fxkit.models.predict_images import build_cleaner
    from fxkit.models.run_folder import open_run
    from fxkit.models.saved import load_model
    from preprocess.settings import read_clean_settings

    hold(out or run)
    model, opened = load_model(run), open_run(run)
    check_positive(options.pop("positive"), run)
    if images and boxes:
        raise click.UsageError("--boxes describes the run's test films, so it cannot be combined with IMAGES")
    from_run = partial(films_from_run, opened, root=root, markers=markers, boxes=boxes, limit=limit)
    films = _list_films(images, markers) if images else from_run()
    clean = build_cleaner(model) if images or read_clean_settings(root or opened.root) is None else None
    further = {"clean": clean, "max_pixels": opened.config.data.max_pixels, "stamp": opened.stamp}
    settings, folder = take_options(ExplainOptions, options, **further), out or run / "cam"
    summary = explain(model, films, folder, settings).summary
    print_notes(summary.notes)
    lines = [opened.stamp, positive_line(opened.classes), *describe_summary(summary)]
    lines += [UNDEFINED if settings.sanity and summary.sanity is None else "", f"pictures: {folder / 'sheet.png'}"]
    click.echo("\n".join(filter(None, lines)))


def _list_films(images: tuple[Path, ...], markers: Path | None) -> "Iterator[Film]":
    from fxkit.explain.films import films_from_images

    paths, unlisted = list_image_files(images)
    print_notes(error for _, error in unlisted)
    return films_from_images(paths, markers)
