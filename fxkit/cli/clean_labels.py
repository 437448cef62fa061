"""fxkit clean-labels: find text markers on films and erase them."""

import itertools
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.options import PATH, cluster_options, print_notes
from preprocess.words import amount

if TYPE_CHECKING:
    from preprocess.folder.clean_folder import Summary
    from preprocess.settings import CleanSettings


SETTINGS = ("detector", "weights", "read_text", "min_confidence", "mode", "keep", "only", "plates", "max_fraction")

DETECTOR_HELP = "markernet: fxkit's own network; rapidocr, easyocr: OCR; union: both kinds.  [default: markernet]"

MODE_HELP = "inpaint: invisible; fill: flat; noise: like the surroundings; box: black.  [default: inpaint]"

KEEP_HELP = "Keep markers whose text matches; (?i) ignores case. Unread markers are erased."

OVERLAYS = "{} overlay planes, which fxkit does not read but viewers draw over the film; --overlays erase removes them"

ONLY_HELP = "Erase only markers whose text matches; (?i) ignores case. Unread markers are kept."


@cloup.command("clean-labels", short_help="Find text markers and inpaint them.")
@cloup.argument("data", type=PATH)
@cloup.option_group(
    "Files",
    cloup.option("--out", type=PATH, help="Output folder.  [default: DATA-clean, beside DATA]"),
    cloup.option(
        "--root", type=PATH, help="Folder that the paths in a CSV are relative to.  [default: folder of the CSV]"
    ),
    cloup.option("--masks-only", is_flag=True, help="Write masks (255 on markers) instead of cleaned images."),
    cloup.option("--dry-run", is_flag=True, help="Print what would be done; write nothing."),
    cloup.option(
        "--overwrite",
        is_flag=True,
        help="Clean films again if the settings changed, and delete outputs of films that no longer exist.",
    ),
    cloup.option("--max-pixels", type=click.IntRange(1), help="Refuse images with more pixels.  [default: 100000000]"),
    cloup.option(
        "--dicom-out",
        type=click.Choice(["dicom", "png"]),
        default="dicom",
        show_default=True,
        help="Format of cleaned DICOM films.",
    ),
    cloup.option(
        "--overlays",
        type=click.Choice(["keep", "erase"]),
        default="keep",
        show_default=True,
        help="Overlay planes of DICOM films, which viewers draw over the film.",
    ),
    cloup.option("--strict", is_flag=True, help="Exit with 1 if a marker is still found on a cleaned film."),
)
@cloup.option_group(
    "Find",
    cloup.option("--config", help="Preset (default, fast) or YAML file of cleaning settings."),
    cloup.option("--detector", type=click.Choice(["markernet", "rapidocr", "easyocr", "union"]), help=DETECTOR_HELP),
    cloup.option("--weights", metavar="FILE", help="Marker network of `fxkit markernet`, an ONNX file."),
    cloup.option("--read-text/--no-text", default=None, help="Read the text of markers.  [default: read-text]"),
    cloup.option("--easyocr-models", type=PATH, help="Folder with craft_mlt_25k.pth and english_g2.pth."),
    cloup.option("--min-confidence", type=float, help="Ignore markers below this confidence, 0 to 1.  [default: 0.4]"),
    cloup.option("--markers", type=PATH, help="COCO file of markers to erase instead of detecting them."),
    cloup.option("--keep", metavar="REGEX", help=KEEP_HELP),
    cloup.option("--only", metavar="REGEX", help=ONLY_HELP),
)
@cloup.option_group(
    "Erase",
    cloup.option("--mode", type=click.Choice(["inpaint", "fill", "noise", "box"]), help=MODE_HELP),
    cloup.option(
        "--plates/--no-plates", default=None, help="Also erase the plates of lead letters.  [default: plates]"
    ),
    cloup.option(
        "--max-fraction", type=float, help="Refuse a film if a larger fraction of it would be erased.  [default: 0.25]"
    ),
)
@cluster_options
def clean_labels(
    data: Path,
    out: Path | None,
    config: str | None,
    max_pixels: int | None,
    strict: bool,
    **options: Any,
) -> None:
    """Find text markers on the films in DATA and inpaint them. DATA is a folder, or a CSV file with a column `path`.

    DATA is never changed. The output folder has the same relative paths. Films with markers become PNG files, and DICOM
    films stay DICOM; they are unchanged outside the mask. Other films are copied byte for byte. Cleaned films are
    searched again. Beside them: ledger.jsonl, markers.json (COCO), clean.json (settings, markers left), review.html
    (which films to check first) and association.json (whether markers predict the class, which is the column `label`
    or the folder). Start an interrupted run again to continue it.

    Example: fxkit clean-labels films --jobs 2
    """
    from preprocess.folder.clean_folder import FolderOptions, clean_folder
    from preprocess.image_files import MAX_PIXELS

    settings = build_settings(config, {name: options.pop(name) for name in SETTINGS})
    folder_options = FolderOptions(settings=settings, max_pixels=max_pixels or MAX_PIXELS, **options)
    start_s, n_cleaned = time.monotonic(), itertools.count(1)  # films of an earlier run do not count towards the rate
    with click.progressbar(
        length=0,
        label="films",
        file=sys.stderr,
        show_pos=True,
        item_show_func=format_rate,
        hidden=not sys.stderr.isatty(),
    ) as bar:

        def show_progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos, next(n_cleaned) / (time.monotonic() - start_s))

        summary = clean_folder(data, out, folder_options, progress=show_progress, on_notes=print_notes)
    print_summary(summary, dry_run=folder_options.dry_run, strict=strict)


def format_rate(per_s: float | None) -> str:
    return "" if per_s is None else f"{per_s:.1f} films/s"


def build_settings(config: str | None, chosen: dict[str, Any]) -> "CleanSettings":
    """Read the settings of the preset or YAML file, then apply the options of the command line that are not None."""
    from fxkit.config import find_preset
    from preprocess.settings import CleanSettings, read_settings, settings_from

    settings = read_settings(find_preset("clean", config)) if config else CleanSettings()
    given = {name: value for name, value in chosen.items() if value is not None}
    return settings_from({**settings.model_dump(), **given}, "clean-labels")


def print_summary(summary: "Summary", *, dry_run: bool, strict: bool = False) -> None:
    """Print the failed files, the counts and the path of the review page.

    Exit with 1 if a file failed, or if a marker is still found on a cleaned film and `strict` is given.
    """
    from preprocess.errors import one_line
    from preprocess.one_value import one_value_notes

    count: Counter[str] = Counter()
    one_value = []
    for row in summary.rows:
        one_value += [row.path] if row.one_value else []
        count.update({row.status: 1, "marked": int(bool(row.markers)), "markers": len(row.markers)})
        count.update({"residual": int(bool(row.residual)), "overlays": int(bool(row.overlays))})
        if row.status == "failed":
            click.echo(f"failed: {one_line(row.error)}", err=True)
    print_notes(one_value_notes(one_value))
    if count["overlays"]:
        print_notes([OVERLAYS.format(amount(count["overlays"], "DICOM film has", "DICOM films have"))])
    click.echo(
        f"{amount(len(summary.rows), 'file')}: {count['marked']} with {amount(count['markers'], 'marker')}, "
        f"{count['copied']} copied, {count['failed']} failed, {summary.resumed} from an earlier run; markers left on "
        f"{amount(count['residual'], 'film')}"
    )
    if dry_run:
        click.echo(f"dry run: nothing was written to {one_line(summary.out)}")
    else:
        click.echo(f"review: {one_line(summary.out / 'review.html')}")
    if count["failed"] or (strict and count["residual"]):
        raise SystemExit(1)
