"""fxkit ablate"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.given_ablation import ablate_model, load_films, refuse_input_options
from fxkit.cli.given_options import given_options, model_option, output_options, predictor_option
from fxkit.cli.options import (
    PATH,
    device_option,
    load_source,
    model_options,
    print_step,
    refuse_inside,
    refuse_resume_and_overwrite,
    source_options,
    take_options,
    warn_of_guess,
)
from fxkit.cli.training_settings import take_config
from preprocess.words import amount

if TYPE_CHECKING:
    from fxkit.ablation.settings import AblationSettings
    from fxkit.report.ablation import Ablation

MODE_TEXTS = {
    "quick": "mode quick: a linear head was fitted to frozen features; use --full to train both phases",
    "full": "mode full: both phases were trained",
    "given": "mode given: the given model was tested as it is; nothing was trained",
}


@cloup.command(short_help="Measure how much the score relies on markers, the split or a setting.")
@cloup.argument("name", required=False)
@source_options
@cloup.option_group(
    "Design",
    cloup.option(
        "--cleaned",
        type=PATH,
        help="Folder that `clean-labels` made of the films. Created if missing.  [default: ROOT-clean]",
    ),
    cloup.option("--full", is_flag=True, help="Train both phases. Default: fit a linear head on frozen features."),
    cloup.option(
        "--seeds",
        help="Comma-separated seeds, such as 0,1,2. The experiment is repeated for each.  [default: as in NAME]",
    ),
    cloup.option(
        "--folds", type=int, help="Grouped folds, 3 or more; 0 uses the manifest's split.  [default: as in NAME]"
    ),
)
@model_options()
@given_options(model_option, predictor_option, *output_options)
@cloup.option_group(
    "Run",
    cloup.option("--out", type=PATH, help="Output folder.  [default: runs/ablate-NAME]"),
    cloup.option("--jobs", type=int, default=1, show_default=True, help="Processes that clean and edit films."),
    cloup.option("--resume", is_flag=True, help="Reuse films and models of an interrupted ablation."),
    cloup.option("--overwrite", is_flag=True, help="Delete an earlier ablation in the output folder first."),
    cloup.option("--allow-leaks", is_flag=True, help="Run on a leaking split anyway. Every figure will say so."),
    device_option("Device for testing: auto, cpu, cuda or mps."),
)
def ablate(
    name: str | None,
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    seeds: str | None,
    folds: int | None,
    out: Path | None,
    **options: Any,
) -> None:
    """Change one thing about the films or the training, and measure what that does to the score.

    NAME is an ablation of fxkit, such as masked-vs-raw, or a YAML file like those in configs/ablations. Without NAME,
    list the ablations.

    With --model or --predictor, masked-vs-raw tests a given model, and nothing is trained. With the folder that
    `fxkit evaluate --model` wrote as --out, it tests the films of that folder.

    Example: fxkit ablate masked-vs-raw --data xrays

    Example: fxkit ablate masked-vs-raw --model model.onnx --data xrays
    """
    from fxkit.ablation.settings import list_ablations, read_ablation_settings

    if name is None:
        click.echo("\n".join(f"{ablation:<16} {question}" for ablation, question in list_ablations().items()))
        return
    settings = read_ablation_settings(name, seeds=read_seeds(seeds) if seeds else None, folds=folds)
    refuse_resume_and_overwrite(options)
    folder = out or Path("runs") / f"ablate-{Path(name).stem}"
    refuse_inside(folder, data)
    if options["model"] is not None or options["predictor"] is not None:
        print_result(ablate_model(load_films(data, manifest, root, folder), folder, settings, options))
    else:
        print_result(ablate_by_training(Path(name).stem, (data, manifest, root), folder, settings, options))


def ablate_by_training(
    title: str,
    source: tuple[Path | None, Path | None, Path | None],
    folder: Path,
    settings: "AblationSettings",
    options: dict[str, Any],
) -> "Ablation":
    """Run an ablation that trains models.

    Args:
        source: values of --data, --manifest and --root.
    """
    from fxkit.ablation.run import run_ablation
    from fxkit.ablation.settings import AblationOptions

    refuse_input_options(options)
    config = take_config(options)
    image_root, records = load_source(*source, config.seed)
    warn_of_guess(records, config)
    return run_ablation(
        title, config, image_root, records, folder, settings, take_options(AblationOptions, options), on_step=print_step
    )


def print_result(result: "Ablation") -> None:
    """Print the scores of each arm, the differences and the verdict."""
    from fxkit.ablation.result import format_lines, format_table
    from preprocess.errors import one_line

    if result.stamp:
        click.echo(result.stamp)
    if result.positive:
        click.echo(f"positive class: {one_line(result.positive)}")
    for row in format_table(result):
        click.echo("".join(f"{text:<28}" for text in row).rstrip())
    for line in format_lines(result):
        click.echo(line)
    click.echo(
        f"{amount(result.n_films, 'test film')} of {amount(result.n_groups, 'group')}, seeds "
        f"{', '.join(map(str, result.seeds))}"
    )
    click.echo(MODE_TEXTS[result.mode])
    for finding in result.findings:
        click.echo(f"finding: {one_line(finding)}")
    click.echo(f"verdict: {result.verdict}\nreason: {one_line(result.reason)}\nlimits: {result.limits}")


def read_seeds(text: str) -> tuple[int, ...]:
    """Parse comma-separated seeds, such as ``0,1,2``."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise click.UsageError(f"--seeds {text}: expected whole numbers separated by commas, such as 0,1,2")
    seeds = tuple(int(part) for part in parts)
    if len(set(seeds)) < len(seeds):
        raise click.UsageError(f"--seeds {text}: a seed is repeated; give each seed once")
    return seeds
