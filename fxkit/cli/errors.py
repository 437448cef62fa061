"""fxkit errors"""

from pathlib import Path
from typing import Any

import click
import cloup

from fxkit.cli.options import PATH, take_options


@cloup.command("errors", short_help="Show a model's surest mistakes and least sure decisions.")
@cloup.argument("run", type=PATH)
@cloup.option_group(
    "Films",
    cloup.option(
        "--against", type=PATH, metavar="RUN", help="Another run; adds the films that it decides differently."
    ),
    cloup.option(
        "--on", "part", default="", help="Subfolder of the run, such as evaluations/NAME.  [default: own films]"
    ),
    cloup.option("--root", type=PATH, help="Folder of the films, if they were moved."),
)
@cloup.option_group(
    "Page",
    cloup.option(
        "--markers", type=PATH, help="Cleaned folder, ledger.jsonl or COCO file with the markers of the films."
    ),
    cloup.option("--data-card", type=PATH, help="data.json that `fxkit index` wrote.  [default: RUN/data.json]"),
    cloup.option(
        "--pictures",
        type=click.IntRange(0),
        default=200,
        show_default=True,
        help="Maximum number of films with pictures.",
    ),
)
def errors(run: Path, against: Path | None, part: str, root: Path | None, **options: Any) -> None:
    """Write RUN/errors.html: the surest mistakes, the least sure decisions, and the films that another run decides
    differently.

    Each film is shown with its attention map (after `fxkit cam`), its markers, the other films of its group and its
    metadata. The page has filters and needs no other file.

    Example: fxkit errors runs/resnet50-seed0 --against runs/densenet121-seed0
    """
    from fxkit.evaluation.films.cards import CardOptions
    from fxkit.evaluation.films.errors import write_errors
    from preprocess.errors import one_line

    result = write_errors(run, against=against, part=part, root=root, options=take_options(CardOptions, options))
    for line in result.lines:
        click.echo(one_line(line))
    click.echo(f"page: {result.page}")
