"""fxkit review: check and correct the markers of a cleaned folder in the browser."""

from pathlib import Path

import click
import cloup

from fxkit.cli.options import PATH
from preprocess.words import amount


@cloup.command(short_help="Check and correct erased markers in the browser.")
@cloup.argument("cleaned", type=PATH)
@cloup.option("--root", type=PATH, help="Folder of the original films.  [default: the one that was cleaned]")
@cloup.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1.  [default: any free port]")
@cloup.option(
    "--sample",
    type=click.IntRange(1),
    metavar="N",
    help="Judge N films chosen at random, to estimate how many markers were missed; written to recall.json.",
)
@cloup.option("--seed", type=click.IntRange(0), default=0, help="Seed of the sample.  [default: 0]")
@cloup.option("--max-pixels", type=click.IntRange(1), help="Refuse images with more pixels.  [default: 100000000]")
def review(cleaned: Path, root: Path | None, port: int, sample: int | None, seed: int, max_pixels: int | None) -> None:
    """Show the films of a folder that `clean-labels` wrote, in the browser, the most doubtful first.

    Draw, move and delete markers; each film that you save is cleaned again at once, and ledger.jsonl and markers.json
    say that a person judged it. `clean-labels` keeps these films as they are. The page answers this machine only. Stop
    with Ctrl-C. Needs the extra `review`.

    Example: fxkit review films-clean
    """
    from preprocess.image_files import MAX_PIXELS
    from preprocess.review.server.opening import open_session
    from preprocess.review.server.serve import check_extra, serve

    check_extra()
    opened = open_session(cleaned, root, max_pixels=max_pixels or MAX_PIXELS, sample=sample, seed=seed)
    with opened as session:
        try:
            serve(session, port, _show_address)
        except KeyboardInterrupt:
            click.echo("", err=True)
        progress = session.progress()
        click.echo(f"{progress['judged']} of {amount(progress['films'], 'film')} judged, {session.saved} saved now")
        if progress["recall"]:
            click.echo(f"sample: {progress['recall']}")
        elif progress["judged"]:
            click.echo(f"tune the network with them: {progress['tune']}")


def _show_address(address: str) -> None:
    click.echo(f"review: {address}")
    click.echo("Open this address in a browser on this machine. Stop with Ctrl-C.", err=True)
