"""Options of the commands that show tested films on a page: errors and label-errors."""

import click
import cloup

from fxkit.cli.options import PATH, Command, Decorator


def part_option() -> Decorator:
    """Return the option that chooses which predictions of a folder are shown."""
    return cloup.option(
        "--on", "part", default="", help="Subfolder of RUN, such as evaluations/NAME.  [default: own films]"
    )


def films_root_option() -> Decorator:
    """Return the option for the folder of the films."""
    return cloup.option("--root", type=PATH, help="Folder of the films, if they were moved or are not known.")


def page_options(command: Command) -> Command:
    """Add the options for what the page shows of a film."""
    return cloup.option_group(
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
    )(command)
