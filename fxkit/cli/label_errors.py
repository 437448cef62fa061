"""fxkit label-errors"""

from pathlib import Path
from typing import Any

import click
import cloup

from fxkit.cli.film_pages import films_root_option, page_options, part_option
from fxkit.cli.options import PATH, take_options


@cloup.command("label-errors", short_help="Find films whose label is probably wrong.")
@cloup.argument("run", type=PATH)
@cloup.option_group(
    "Films",
    part_option(),
    films_root_option(),
    cloup.option(
        "--verdicts", type=PATH, metavar="CSV", help="Verdicts that labels.html saved; the page opens with them."
    ),
)
@page_options
def label_errors(run: Path, part: str, root: Path | None, verdicts: Path | None, **options: Any) -> None:
    """Rank the films of a run by how probably their label is wrong, and write labels.csv, labels.json and labels.html.

    Only predictions by models that did not train on the film or its group count: test films, other data, and, for a
    run with folds, its out-of-fold predictions. In labels.html a person accepts or rejects each suggestion and saves
    verdicts.csv, which `fxkit index --labels` applies.

    RUN may also be a folder of `fxkit evaluate --predictions`. If its table has a column fold, the predictions are out
    of fold: each film was predicted by the model that did not train on its fold.

    \b
    Examples:
      fxkit label-errors runs/resnet50-folds
      fxkit index data/forearm --labels verdicts.csv --out corrected.csv
    """
    from fxkit.evaluation.films.cards import CardOptions
    from fxkit.evaluation.films.label_errors import find_label_errors
    from preprocess.errors import one_line

    cards = take_options(CardOptions, options)
    result = find_label_errors(run, part=part, root=root, verdicts=verdicts, options=cards)
    for line in result.lines:
        click.echo(one_line(line))
    click.echo(f"ranking: {result.table}\npage: {result.page}")
