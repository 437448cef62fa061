"""fxkit evaluate"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.evaluate_given import evaluate_given
from fxkit.cli.given_options import given_options, model_option, predictor_option
from fxkit.cli.options import (
    CHECKED_POSITIVE,
    PATH,
    TTA_HELP,
    check_positive,
    device_option,
    hold,
    load_source,
    positive_option,
    take_options,
)
from fxkit.cli.predictions_table import (
    RUN,
    TABLE,
    choose_source,
    evaluate_predictions,
    results_options,
    run_options,
    table_options,
)
from preprocess.words import amount

if TYPE_CHECKING:
    from fxkit.evaluation.evaluate import EvaluationOptions
    from fxkit.evaluation.result import EvaluationResult
    from fxkit.metrics.analyses import Analyses
    from fxkit.metrics.calibration import Calibration
    from fxkit.metrics.intervals import Interval
    from fxkit.metrics.summary import Level


@cloup.command(short_help="Compute figures with intervals, and write the report.")
@cloup.argument("run", type=PATH, required=False)
@cloup.option_group(
    "Films",
    cloup.option("--data", type=PATH, help="Other films: folder with one subfolder per class, or a CSV file."),
    cloup.option("--manifest", type=PATH, help="Other films: a manifest of `fxkit index`. All its rows are used."),
    cloup.option("--root", type=PATH, help="Folder that the paths in the CSV or manifest are relative to."),
    cloup.option(
        "--name",
        help="Name of the results folder for other films. With --out, these are other films than those of the "
        "results there.  [default: name of the data]",
    ),
    cloup.option(
        "--split",
        type=click.Choice(["test", "val", "train", "out-of-fold"]),
        default="test",
        show_default=True,
        help="Split of the run's own films. Scores on val and train are not test scores. out-of-fold, for a run with "
        "folds: all films of train and val, each predicted by the model that did not train on it.",
    ),
    cloup.option("--raw", is_flag=True, help="Allow uncleaned films although the model was trained on cleaned films."),
    cloup.option("--allow-leaks", is_flag=True, help="Allow films that training has seen. Every figure will say so."),
    cloup.option(
        "--trained-on",
        type=PATH,
        help="Folder of the training films, to find copies of them in other films; for predictions and models made "
        "elsewhere also a table of them. A run needs it only if it has no fingerprints.npz and its films were moved.",
    ),
)
@cloup.option_group(
    "Figures",
    cloup.option(
        "--target",
        "targets",
        multiple=True,
        help="Operating point: sensitivity=0.95, specificity=0.9, youden or a threshold. Chosen on validation films, "
        "or on the out-of-fold predictions of a run with folds. Repeatable.",
    ),
    positive_option(CHECKED_POSITIVE),
    cloup.option("--prevalence", type=float, help="Prevalence, such as 0.1, for PPV, NPV and net benefit."),
    cloup.option("--markers", type=PATH, help="Cleaned folder, ledger.jsonl or COCO file. Adds subgroups by marker."),
    cloup.option(
        "--subgroups", "table", type=PATH, help="CSV file with one row per film. Adds subgroups by its columns."
    ),
    cloup.option(
        "--by",
        "columns",
        multiple=True,
        help="Column of the CSV file to use. Repeatable.  [default: all suitable ones]",
    ),
)
@table_options
@given_options(model_option, predictor_option)
@results_options
@cloup.option_group(
    "Network",
    cloup.option("--exported", type=PATH, help="Predict with this file, which `fxkit export` made from the run."),
    cloup.option("--tta", type=click.Choice(["flips", "turns", "both"]), help=TTA_HELP),
    device_option(),
)
def evaluate(run: Path | None, **options: Any) -> None:
    """Evaluate a run on its test films or on other data, and write its report.

    Every figure has a 95 % interval whose unit is the group, such as the patient.

    A model that was made elsewhere is evaluated, too: by its predictions, a CSV or Parquet file with a path or id, the
    scores and the true class of each film; or by an ONNX file or Python function, which predicts the test films of
    --data or --manifest. Test films that are copies of --trained-on, or of its patients, are found.

    Example: fxkit evaluate runs/resnet50-seed0

    Example: fxkit evaluate --predictions preds.csv --trained-on train.csv --out results

    Example: fxkit evaluate --model model.onnx --data films/test --trained-on films/train --out results
    """
    from fxkit.report.build import build_report

    source = choose_source(run, options)
    if options["columns"] and options["table"] is None:
        raise click.UsageError("--by needs --subgroups, the CSV file with that column")
    if source == RUN:
        assert run is not None
        result = evaluate_run_folder(run, **run_options(options))
    else:
        result = evaluate_predictions(options) if source == TABLE else evaluate_given(options)
    print_result(result)
    name = "metrics_out_of_fold.json" if options["split"] == "out-of-fold" else "metrics.json"
    click.echo(f"figures: {result.folder / name}\nreport: {build_report(run or options['out'])}")


def evaluate_run_folder(
    run: Path, root: Path | None, split: str, targets: tuple[str, ...], **options: Any
) -> "EvaluationResult":
    """Evaluate a run on its own films or on other ones."""
    from fxkit.evaluation.analyses import AnalysisOptions
    from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_run
    from fxkit.evaluation.out_of_fold import evaluate_out_of_fold
    from fxkit.metrics.operating_points import parse_target
    from fxkit.models.test_time import describe_views, select_views_of_run

    own_films = options["data"] is None and options["manifest"] is None
    refuse_combinations(root, options, own_films=own_films)
    hold(run)
    check_positive(options.pop("positive"), run)
    analyses = take_options(AnalysisOptions, options, targets=tuple(map(parse_target, targets)))
    settings = take_options(EvaluationOptions, options, analyses=analyses)
    if split == "out-of-fold":
        result = evaluate_out_of_fold(run, settings, root=root)
    elif own_films:
        result = evaluate_run(run, root=root, split=split, options=settings)
    else:
        result = evaluate_other_films(run, root, settings, **options)
    if settings.tta:
        click.echo(f"note: {describe_views(select_views_of_run(run, settings.tta))}", err=True)
    return result


def refuse_combinations(root: Path | None, options: dict[str, Any], *, own_films: bool) -> None:
    """Refuse options that need another one."""
    if options["raw"] and root is None and own_films:
        raise click.UsageError("--raw needs --root or --data, the folder of the uncleaned films")
    if options["trained_on"] is not None and own_films:
        raise click.UsageError("--trained-on needs --data or --manifest, the other films to compare with")


def evaluate_other_films(
    run: Path,
    root: Path | None,
    settings: "EvaluationOptions",
    *,
    data: Path | None,
    manifest: Path | None,
    name: str | None,
) -> "EvaluationResult":
    """Evaluate a run on other films; the results are named like the data unless a name is given."""
    from fxkit.evaluation.evaluate import evaluate_other

    image_root, records = load_source(data, manifest, root, split="none")
    return evaluate_other(run, records, image_root, name or Path(str(data or manifest)).resolve().stem, settings)


def print_result(result: "EvaluationResult") -> None:
    """Print the figures by file, film and group, then the analyses."""
    from fxkit.data.positive import positive_line
    from preprocess.errors import one_line

    evaluation = result.evaluation
    if result.stamp:
        click.echo(result.stamp)
    for note in dict.fromkeys((*result.notes, *result.analyses.notes)):  # both may have read one table
        click.echo(f"note: {one_line(note)}", err=True)
    click.echo(
        f"{amount(evaluation.n_files, 'file')}, {amount(evaluation.n_films, 'film')}, "
        f"{amount(evaluation.n_groups, 'group')}"
    )
    if evaluation.single_class:
        click.echo(f"all films are of one class, {one_line(evaluation.single_class)}")
    if evaluation.positive:
        click.echo(positive_line(evaluation.classes))
    for unit, level in (("file", evaluation.file), ("film", evaluation.film)):
        click.echo(f"by {unit}:")
        print_figures(level, unit)
        print_classes(level, evaluation.classes)
    if evaluation.group:
        mixed = evaluation.n_mixed
        click.echo(
            "by group:"
            + (
                f" ({amount(mixed, 'group')} with films of several classes {'is' if mixed == 1 else 'are'} left out)"
                if mixed
                else ""
            )
        )
        print_figures(evaluation.group, "group")
    if "film" in result.analyses.calibration:  # scores that are no probabilities have none
        print_calibration(result.analyses.calibration["film"])
    print_operating_points(result.analyses, single=bool(evaluation.single_class))
    print_subgroups(result.analyses)


def figure_text(interval: "Interval", single: bool) -> str:
    """Return a figure with its interval, or why it is undefined if all films are of a single class."""
    return "undefined (one class)" if single and math.isnan(interval.value) else f"{interval:.3f}"


def print_figures(level: "Level", unit: str) -> None:
    """Print the figures of one level with their intervals, and the number of files, films or groups behind each."""
    single = sum(any(row) for row in level.confusion) == 1
    for metric, interval in level.figures.items():
        groups = amount(interval.n_groups, "group")
        count = amount(interval.n, "group") if unit == "group" else f"{amount(interval.n, unit)} in {groups}"
        click.echo(f"  {metric:<20} {figure_text(interval, single):<26} {count}")


def print_classes(level: "Level", classes: tuple[str, ...]) -> None:
    """Print precision, recall and F1 score of each class, without intervals."""
    from preprocess.errors import one_line

    columns = ("precision", "recall", "f1-score")
    labels = {name: one_line(name) for name in classes} | {"macro avg": "mean of the classes"}
    width = max(20, *map(len, labels.values()))
    click.echo(f"  {'class':<{width}} {'  '.join(f'{column:>9}' for column in columns)}  support")
    for name, label in labels.items():
        scores = level.class_scores(name)
        values = (scores.precision, scores.recall, scores.f1)
        cells = "  ".join("undefined" if math.isnan(value) else f"{value:>9.3f}" for value in values)
        click.echo(f"  {label:<{width}} {cells}  {scores.support:>7.0f}")


def print_calibration(calibration: "Calibration") -> None:
    """Print the calibration errors, and for two classes the slope and the calibration in the large."""
    if math.isnan(calibration.ece):
        click.echo("calibration by film: undefined (one class)")
        return
    ece = calibration.ece_with_limits
    click.echo(f"calibration by film: ECE {ece:.3f}, error corrected for chance {calibration.error:.3f}")
    if not math.isnan(calibration.ece_by_chance):
        click.echo(f"  ECE of perfect probabilities with as many films: about {calibration.ece_by_chance:.3f}")
    if calibration.slope and calibration.intercept:
        click.echo(f"  slope (ideally 1) {calibration.slope:.3f}")
        click.echo(f"  calibration in the large (ideally 0) {calibration.intercept:.3f}")


def print_operating_points(analyses: "Analyses", *, single: bool = False) -> None:
    """Print each threshold, the films that it was chosen on, and its figures by film."""
    for point in analyses.operating_points:
        kind = "validation film" if point.chosen_on == "val" else f"{point.chosen_on} film"
        chosen = f"chosen on {amount(point.chosen_films, kind)} of {amount(point.chosen_groups, 'group')}"
        origin = chosen if point.chosen_on else "given"
        click.echo(f"operating point {point.target}, {origin}: p >= {point.threshold:.4f}")
        for key, interval in point.levels["film"].items():
            figure = key.replace("_at_prevalence", f" at {point.prevalence}")
            click.echo(
                f"  {figure:<20} {figure_text(interval, single):<26} {amount(interval.n, 'film')} in "
                f"{amount(interval.n_groups, 'group')}"
            )


def print_subgroups(analyses: "Analyses") -> None:
    """Print the figures of each subgroup, and their gaps to the other films."""
    from preprocess.errors import one_line

    if not analyses.subgroups:
        return
    click.echo("subgroups by film; a gap is the figure of the subgroup minus that of all other films:")
    for part in analyses.subgroups:
        few = "; few groups, so read the intervals and not only the values" if part.few else ""
        click.echo(f"  {one_line(part.name)}: {amount(part.n_films, 'film')}, {amount(part.n_groups, 'group')}{few}")
        for metric, interval in part.figures.items():
            click.echo(f"    {metric:<18} {f'{interval:.3f}':<26} gap {part.gaps[metric]:+.3f}")
    click.echo(f"  {analyses.multiplicity}")
