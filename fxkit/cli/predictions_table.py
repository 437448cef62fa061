"""The part of `fxkit evaluate` for predictions of a model that was made elsewhere, and which options suit what."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.given_options import INPUT_OPTIONS
from fxkit.cli.options import PATH, Command

if TYPE_CHECKING:
    from fxkit.evaluation.result import EvaluationResult


def table_options(command: Command) -> Command:
    """Add the options for predictions of a model that was made elsewhere to `fxkit evaluate`."""
    return cloup.option_group(
        "Predictions made elsewhere",
        cloup.option(
            "--predictions",
            type=PATH,
            help="CSV or Parquet file: for each film its path or id, its scores and perhaps its true class.",
        ),
        cloup.option("--films", type=PATH, help="Second table: true class, patient, site, split, age and so on."),
        cloup.option("--key", metavar="COLUMN", help="Column with the path or id.  [default: by its name]"),
        cloup.option("--truth", metavar="COLUMN", help="Column with the true class.  [default: by its name]"),
        cloup.option(
            "--score",
            "scores",
            metavar="[CLASS=]COLUMN",
            multiple=True,
            help="Column of the scores of the positive class, or of a class. Repeatable.  [default: by their names]",
        ),
        cloup.option(
            "--scale",
            type=click.Choice(["probability", "percent", "logit", "score"]),
            help="What the scores are. score: any other scale; needs --threshold.  [default: probability, or logit if "
            "the column or the model says so]",
        ),
    )(command)


def results_options(command: Command) -> Command:
    """Add the options for the results of predictions, and of a model that was made elsewhere."""
    return cloup.option_group(
        "Results of --predictions, --model and --predictor",
        cloup.option("--out", type=PATH, help="Folder for the results, which audit, report and compare read."),
        cloup.option("--threshold", type=float, help="Score from which a film is called positive.  [default: 0.5]"),
        cloup.option("--trained-root", type=PATH, help="Folder of the training films, if --trained-on is a table."),
        cloup.option("--overwrite", is_flag=True, help="Replace figures of other predictions in --out."),
    )(command)


GIVEN, TABLE, RUN = "--model or --predictor", "--predictions", "RUN"

# Option -> what is evaluated with it; options that are not listed suit all.
SUITED = {
    **dict.fromkeys(("films", "key", "truth", "scores"), (TABLE,)),
    **dict.fromkeys(("scale", "out", "threshold", "trained_root", "overwrite"), (TABLE, GIVEN)),
    **dict.fromkeys(INPUT_OPTIONS, (GIVEN,)),
    **dict.fromkeys(("data", "manifest", "raw"), (RUN, GIVEN)),
    **dict.fromkeys(("exported", "tta"), (RUN,)),
}


def choose_source(run: Path | None, options: dict[str, Any]) -> str:
    """Return what is evaluated, RUN, TABLE or GIVEN; refuse two of them, none, and options that do not suit it."""
    model = options["model"] or options["predictor"]
    given = [name for name, value in ((RUN, run), (TABLE, options["predictions"]), (GIVEN, model)) if value is not None]
    if len(given) != 1 or (options["model"] and options["predictor"]):
        raise click.UsageError("give RUN, or --predictions FILE, or --model MODEL, or --predictor MODULE:FUNCTION")
    source = given[0]
    for name, suited in SUITED.items():
        if options[name] not in (None, (), False) and source not in suited:
            raise click.UsageError(f"{OPTIONS.get(name) or '--' + name.replace('_', '-')} needs {' or '.join(suited)}")
    if source != RUN and options["out"] is None:
        raise click.UsageError(f"{source} needs --out, the folder for the results")
    return source


OPTIONS = {"scores": "--score", **INPUT_OPTIONS}


def run_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options for a run."""
    other = {name for name, suited in SUITED.items() if RUN not in suited} | {"predictions", "model", "predictor"}
    return {name: value for name, value in options.items() if name not in other}


def evaluate_predictions(options: dict[str, Any]) -> "EvaluationResult":
    """Evaluate the table that the options name."""
    from fxkit.evaluation.analyses import AnalysisOptions
    from fxkit.evaluation.external.columns import ColumnChoice
    from fxkit.evaluation.external.evaluate import evaluate_table
    from fxkit.evaluation.external.options import TableOptions
    from fxkit.evaluation.external.other import evaluate_other_table
    from fxkit.metrics.operating_points import parse_target

    analysis = {name: options[name] for name in ("prevalence", "markers", "table", "columns")}
    direct = ("films", "trained_on", "trained_root", "root", "positive", "threshold", "overwrite")
    settings = TableOptions(
        columns=ColumnChoice(*(options[name] for name in ("key", "truth", "scores", "scale"))),
        analyses=AnalysisOptions(tuple(map(parse_target, options["targets"])), **analysis),
        **{name: options[name] for name in direct},
    )
    file, out, name = options["predictions"], options["out"], options["name"]
    if name is None:
        return evaluate_table(file, out, settings)
    return evaluate_other_table(file, out, name, settings, allow_leaks=options["allow_leaks"])
