"""fxkit errors"""

from pathlib import Path
from typing import Any

import click
import cloup

from fxkit.cli.film_pages import films_root_option, page_options, part_option
from fxkit.cli.options import PATH, take_options


@cloup.command("errors", short_help="Show a model's surest mistakes and least sure decisions.")
@cloup.argument("run", type=PATH)
@cloup.option_group(
    "Films",
    cloup.option(
        "--against", type=PATH, metavar="RUN", help="Another run; adds the films that it decides differently."
    ),
    part_option(),
    films_root_option(),
)
@page_options
def errors(run: Path, against: Path | None, part: str, root: Path | None, **options: Any) -> None:
    """Write RUN/errors.html: the surest mistakes, the least sure decisions, and the films that another run decides
    differently.

    Each film is shown with its attention map (after `fxkit cam`), its markers, the other films of its group and its
    metadata. The page has filters and needs no other file. RUN may also be a folder of `fxkit evaluate --predictions`.

    Example: fxkit errors runs/resnet50-seed0 --against runs/densenet121-seed0
    """
    from fxkit.evaluation.films.cards import CardOptions
    from fxkit.evaluation.films.errors import write_errors
    from preprocess.errors import one_line

    result = write_errors(run, against=against, part=part, root=root, options=take_options(CardOptions, options))
    for line in result.lines:
        click.echo(one_line(line))
    click.echo(f"page: {result.page}")
