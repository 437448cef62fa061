"""fxkit clean-labels: find text markers on films and erase them."""

import itertools
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from preprocess.folder.clean_folder import Summary
    from preprocess.settings import CleanSettings


FILE = click.Path(path_type=Path)

SETTINGS = ("detector", "weights", "read_text", "min_confidence", "mode", "keep", "only", "plates", "max_fraction")

BACKEND_HELP = "Processes here, or all workers of a Dask cluster; they must share the folders."

DETECTOR_HELP = "markernet: our network; two OCRs; union: markernet and rapidocr.  [default: markernet]"

MODE_HELP = "inpaint: without a trace; fill: flat; noise: like the surroundings; box: black.  [default: inpaint]"

KEEP_HELP = "Leave markers whose text matches; what could not be read is erased. (?i): any case."

ONLY_HELP = "Erase only markers whose text matches; what could not be read stays. (?i): any case."


@click.command("clean-labels", short_help="Find and inpaint text markers.")
@click.argument("data", type=FILE)
@click.option("--out", type=FILE, help="Output folder.  [default: DATA-clean, beside DATA]")
@click.option("--root", type=FILE, help="What the paths of a CSV are relative to.  [default: its folder]")
@click.option("--config", help="Preset (default, fast) or YAML file of cleaning settings.")
@click.option("--detector", type=click.Choice(["markernet", "rapidocr", "easyocr", "union"]), help=DETECTOR_HELP)
@click.option("--weights", metavar="FILE", help="Marker network tuned to a site: ONNX of `fxkit markernet`.")
@click.option("--read-text/--no-text", default=None, help="Read what markernet finds.  [default: read-text]")
@click.option("--easyocr-models", type=FILE, help="Folder of craft_mlt_25k.pth and english_g2.pth.")
@click.option("--min-confidence", type=float, help="0 to 1; below it a find is no marker.  [default: 0.4]")
@click.option("--markers", type=FILE, help="Erase the markers of this COCO file, as CVAT and others write it.")
@click.option("--mode", type=click.Choice(["inpaint", "fill", "noise", "box"]), help=MODE_HELP)
@click.option("--keep", metavar="REGEX", help=KEEP_HELP)
@click.option("--only", metavar="REGEX", help=ONLY_HELP)
@click.option("--plates/--no-plates", default=None, help="Erase the plates of lead letters too.  [default: plates]")
@click.option("--max-fraction", type=float, help="Refuse films of which more would be erased.  [default: 0.25]")
@click.option("--masks-only", is_flag=True, help="Write masks (255 on markers), no images.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--overwrite", is_flag=True, help="Clean anew what was cleaned otherwise; drop films that are gone.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes to use.")
@click.option("--backend", type=click.Choice(["loky", "dask"]), default="loky", show_default=True, help=BACKEND_HELP)
@click.option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster, such as tcp://host:8786.")
@click.option("--max-pixels", type=click.IntRange(1), help="Refuse larger images.  [default: 100000000]")
def clean_labels(
    data: Path,
    out: Path | None,
    config: str | None,
    max_pixels: int | None,
    **options: Any,
) -> None:
    """Find and inpaint text markers in DATA: a folder, or a CSV file with a column `path`.

    DATA is never changed. The output has the same relative paths: films with markers as PNG, every pixel outside
    the mask as it was, the others copied byte for byte; beside them ledger.jsonl, markers.json (COCO), clean.json,
    review.html, which says what to look at first, and association.json: whether markers go with the class (column
    `label`, or folder). A run that was stopped goes on where it was when it is started again.

    Example: fxkit clean-labels films --jobs 2
    """
    from preprocess.folder.clean_folder import FolderOptions, clean_folder
    from preprocess.image_files import MAX_PIXELS

    settings, limit = settle(config, {name: options.pop(name) for name in SETTINGS}), max_pixels or MAX_PIXELS
    start, worked = time.monotonic(), itertools.count(1)  # films of an earlier run do not count for the rate
    piped = not sys.stderr.isatty()
    with click.progressbar(
        length=0, label="films", file=sys.stderr, show_pos=True, item_show_func=rate, hidden=piped
    ) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos, next(worked) / (time.monotonic() - start))

        folder_options = FolderOptions(settings=settings, max_pixels=limit, **options)
        summary = clean_folder(data, out, folder_options, progress=progress)
    report(summary, options["dry_run"])


def rate(per_second: float | None) -> str:
    return "" if per_second is None else f"{per_second:.1f} films/s"


def settle(config: str | None, chosen: dict[str, Any]) -> "CleanSettings":
    """The file's settings, with what the command line names in their place."""
    from fxkit.config import find_preset
    from preprocess.settings import CleanSettings, read_settings, settings_from

    settings = read_settings(find_preset("clean", config)) if config else CleanSettings()
    named = {name: value for name, value in chosen.items() if value is not None}
    return settings_from({**settings.model_dump(), **named}, "clean-labels")


def report(summary: "Summary", dry_run: bool) -> None:
    from preprocess.errors import one_line

    count: Counter[str] = Counter()
    for row in summary.rows:
        count.update({row.status: 1, "marked": bool(row.markers), "markers": len(row.markers)})
        if row.status == "failed":
            click.echo(f"failed: {one_line(row.error)}", err=True)
    click.echo(
        f"{len(summary.rows)} files: {count['marked']} with {count['markers']} markers, "
        f"{count['copied']} copied, {count['failed']} failed, {summary.resumed} done before"
    )
    if dry_run:
        click.echo(f"dry run: nothing was written to {one_line(summary.out)}")
    else:
        click.echo(f"look at {one_line(summary.out / 'review.html')}")
    if count["failed"]:
        raise SystemExit(1)
