"""The part of `fxkit evaluate` for predictions of a model that was made elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

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
        cloup.option("--out", type=PATH, help="Folder for the results, which audit, report and compare read."),
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
            "the column says so]",
        ),
        cloup.option("--threshold", type=float, help="Score from which a film is called positive.  [default: 0.5]"),
        cloup.option("--trained-root", type=PATH, help="Folder of the training films, if --trained-on is a table."),
        cloup.option("--overwrite", is_flag=True, help="Replace figures of other predictions in --out."),
    )(command)


TABLE_ONLY = ("films", "out", "key", "truth", "scores", "scale", "threshold", "trained_root", "overwrite")

RUN_ONLY = {"data": None, "manifest": None, "name": None, "raw": False, "exported": None, "tta": None}


def refuse_mixed(run: Path | None, options: dict[str, Any]) -> None:
    """Refuse options of the other source, and a command without source."""
    if (run is None) == (options["predictions"] is None):
        raise click.UsageError("give either RUN, or --predictions FILE with --out DIR")
    if run is not None:
        wrong, needs = [name for name in TABLE_ONLY if options[name] not in (None, (), False)], "--predictions"
    else:
        wrong, needs = [name for name, unset in RUN_ONLY.items() if options[name] != unset], "RUN"
    if wrong:
        option = {"scores": "--score"}.get(wrong[0], f"--{wrong[0].replace('_', '-')}")
        raise click.UsageError(f"{option} needs {needs}")
    if run is None and options["out"] is None:
        raise click.UsageError("--predictions needs --out, the folder for the results")


def run_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options for a run."""
    return {name: value for name, value in options.items() if name not in ("predictions", *TABLE_ONLY)}


def evaluate_predictions(options: dict[str, Any]) -> "EvaluationResult":
    """Evaluate the table that the options name."""
    from fxkit.evaluation.analyses import AnalysisOptions
    from fxkit.evaluation.external.columns import ColumnChoice
    from fxkit.evaluation.external.evaluate import TableOptions, evaluate_table
    from fxkit.metrics.operating_points import parse_target

    analysis = {name: options[name] for name in ("prevalence", "markers", "table", "columns")}
    direct = ("films", "trained_on", "trained_root", "root", "positive", "threshold", "overwrite")
    settings = TableOptions(
        columns=ColumnChoice(*(options[name] for name in ("key", "truth", "scores", "scale"))),
        analyses=AnalysisOptions(tuple(map(parse_target, options["targets"])), **analysis),
        **{name: options[name] for name in direct},
    )
    return evaluate_table(options["predictions"], options["out"], settings)
