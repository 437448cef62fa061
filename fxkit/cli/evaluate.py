"""fxkit evaluate"""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from fxkit.cli.options import PATH, TTA_HELP, device_option

if TYPE_CHECKING:
    from fxkit.metrics.analyses import Analyses
    from fxkit.metrics.summary import Level


def print_analyses(analyses: "Analyses") -> None:
    """Print calibration, operating points and subgroups, by film."""
    from preprocess.errors import one_line

    found = analyses.calibration["film"]
    click.echo(f"calibration by film: ECE {found.ece:.3f}, without chance {found.error:.3f}")
    if found.slope and found.intercept:
        click.echo(f"  slope (1 is right) {found.slope:.3f}, in the large (0 is right) {found.intercept:.3f}")
    for point in analyses.operating_points:
        films = f"chosen on {point.chosen_films} validation films of {point.chosen_groups} groups"
        origin = films if point.chosen_on else "given"
        click.echo(f"operating point {point.target}, {origin}: p >= {point.threshold:.4f}")
        for name, figure in point.levels["film"].items():
            called = name.replace("_at_prevalence", f" at {point.prevalence}")
            click.echo(f"  {called:<20} {f'{figure:.3f}':<26} {figure.n} in {figure.n_groups} groups")
    if analyses.subgroups:
        click.echo("subgroups by film, and their gap to the other films:")
    for part in analyses.subgroups:
        few = ", few groups: read the interval" if part.few else ""
        name = one_line(part.name)
        click.echo(f"  {name}: {part.n_films} films, {part.n_groups} groups{few}")
        for metric, figure in part.figures.items():
            click.echo(f"    {metric:<18} {f'{figure:.3f}':<26} gap {part.gaps[metric]:+.3f}")
    if analyses.subgroups:
        click.echo(f"  {analyses.multiplicity}")


@cloup.command(short_help="Compute figures with intervals, and write the report.")
@cloup.argument("run", type=PATH)
@cloup.option_group(
    "Films",
    cloup.option("--data", type=PATH, help="Other films: folder with one subfolder per class, or a CSV file."),
    cloup.option("--manifest", type=PATH, help="Other films: a manifest, of which all rows are used."),
    cloup.option("--root", type=PATH, help="Folder that the paths in the CSV or manifest are relative to."),
    cloup.option("--name", help="Name of the results folder for other films.  [default: name of the data]"),
    cloup.option(
        "--split",
        type=click.Choice(["test", "val", "train"]),
        default="test",
        show_default=True,
        help="Split of the run's own films. Scores on val and train are not test scores.",
    ),
    cloup.option("--raw", is_flag=True, help="Allow uncleaned films although the model was trained on cleaned films."),
    cloup.option("--allow-leaks", is_flag=True, help="Allow films that training has seen. Every figure will say so."),
)
@cloup.option_group(
    "Figures",
    cloup.option(
        "--target",
        "targets",
        multiple=True,
        help="Operating point: sensitivity=0.95, specificity=0.9, youden or a threshold. Chosen on validation films. "
        "Repeatable.",
    ),
    cloup.option("--prevalence", type=float, help="Share of positives, such as 0.1, for PPV, NPV and net benefit."),
    cloup.option("--markers", type=PATH, help="Cleaned folder, ledger.jsonl or COCO file: subgroups by marker."),
    cloup.option("--subgroups", "table", type=PATH, help="CSV file with one row per film: subgroups by its columns."),
    cloup.option("--by", "columns", multiple=True, help="Column of --subgroups to use. Repeatable."),
)
@cloup.option_group(
    "Network",
    cloup.option("--exported", type=PATH, help="Predict with this file, which `fxkit export` made from the run."),
    cloup.option("--tta", type=click.Choice(["flips", "turns", "both"]), help=TTA_HELP),
    device_option(),
)
def evaluate(
    run: Path,
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    name: str | None,
    split: str,
    raw: bool,
    allow_leaks: bool,
    targets: tuple[str, ...],
    prevalence: float | None,
    markers: Path | None,
    table: Path | None,
    columns: tuple[str, ...],
    exported: Path | None,
    tta: str | None,
    device: str,
) -> None:
    """Evaluate a run on its test films or on other data, and write its report.

    Every figure has a 95 % interval whose unit is the group, such as the patient.

    Example: fxkit evaluate runs/resnet50-seed0
    """
    from fxkit.evaluation.analyses import AnalysisOptions
    from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_other, evaluate_run
    from fxkit.metrics.operating_points import parse_target
    from fxkit.report.build import build_report

    if columns and table is None:
        raise click.UsageError("--by needs --subgroups, the CSV file with that column")
    if raw and root is None and data is None and manifest is None:
        raise click.UsageError("--raw needs --root or --data, the folder of the uncleaned films")
    analyses = AnalysisOptions(tuple(map(parse_target, targets)), prevalence, markers, table, columns)
    options = EvaluationOptions(
        raw=raw, allow_leaks=allow_leaks, device=device, analyses=analyses, exported=exported, tta=tta
    )
    if data is None and manifest is None:
        result = evaluate_run(run, root=root, split=split, options=options)
    else:
        from fxkit.cli.options import load_source

        place, records = load_source(data, manifest, root, split="none")
        called = name or Path(str(data or manifest)).resolve().stem
        result = evaluate_other(run, records, place, called, options)
    if tta:
        from fxkit.models.test_time import describe_views, select_views_of_run

        click.echo(f"note: {describe_views(select_views_of_run(run, tta))}", err=True)
    evaluation = result.evaluation
    if result.stamp:
        click.echo(result.stamp)
    if result.note:
        click.echo(f"note: {result.note}", err=True)
    click.echo(f"{evaluation.n_files} files, {evaluation.n_films} films, {evaluation.n_groups} groups")
    for name_of_level, level in (("file", evaluation.file), ("film", evaluation.film)):
        click.echo(f"by {name_of_level}:")
        _print_figures(level)
        _print_classes(level, evaluation.classes)
    if evaluation.group:
        click.echo(f"by group:{_mixed(evaluation.n_mixed)}")
        _print_figures(evaluation.group)
    print_analyses(result.analyses)
    click.echo(f"figures: {result.folder / 'metrics.json'}\nreport: {build_report(run)}")


def _mixed(groups: int) -> str:
    return f" ({groups} with films of several classes left out)" if groups else ""


def _print_figures(level: "Level") -> None:
    for metric, found in level.figures.items():
        click.echo(f"  {metric:<20} {f'{found:.3f}':<26} {found.n} in {found.n_groups} groups")


def _print_classes(level: "Level", classes: tuple[str, ...]) -> None:
    """Print the classification report, without intervals."""
    from preprocess.errors import one_line

    columns = ("precision", "recall", "f1-score")
    names = {name: one_line(name) for name in classes} | {"macro avg": "mean of the classes"}
    width = max(20, *map(len, names.values()))
    click.echo(f"  {'class':<{width}} {'  '.join(f'{column:>9}' for column in columns)}  support")
    for name, shown in names.items():
        scores = level.class_scores(name)
        values = (scores.precision, scores.recall, scores.f1)
        figures = "  ".join(f"{value:>9.3f}" if value == value else "undefined" for value in values)
        click.echo(f"  {shown:<{width}} {figures}  {scores.support:>7.0f}")
