"""fxkit ablate"""

from pathlib import Path
from typing import Any

import click

from fxkit.cli.options import load_source, refuse_inside, source_options


@click.command(short_help="Measure what the markers, the split or a setting are worth to the score.")
@click.argument("name", required=False)
@source_options
@click.option(
    "--cleaned",
    type=click.Path(path_type=Path),
    help="The films as `clean-labels` left them; made if missing.",
)
@click.option("--full", is_flag=True, help="Train both phases; else a linear head on frozen features, in minutes.")
@click.option("--seeds", help="Comma-separated; everything is repeated for each.")
@click.option("--folds", type=int, help="By group, 3 or more; 0 takes the split as it is.  [default: the ablation's]")
@click.option("--config", "preset", help="As for train.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As for train.")
@click.option("--backbone", help="As for train.")
@click.option("--weights", type=click.Path(), help="As for train.")
@click.option("--no-pretrained", is_flag=True, help="As for train.")
@click.option("--epochs", metavar="HEAD,FINETUNE", help="As for train.")
@click.option("--out", type=click.Path(path_type=Path), help="runs/ablate-NAME if not given.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes for cleaning and changing films.")
@click.option("--resume", is_flag=True, help="Keep the films and models that are made already.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier ablation in the same folder.")
@click.option("--allow-leaks", is_flag=True, help="As for train.")
@click.option("--device", default="auto", show_default=True, help="For testing: auto, cpu, cuda or mps.")
def ablate(
    name: str | None,
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    cleaned: Path | None,
    full: bool,
    seeds: str | None,
    folds: int | None,
    out: Path | None,
    jobs: int,
    resume: bool,
    overwrite: bool,
    allow_leaks: bool,
    device: str,
    **options: Any,
) -> None:
    """Train and test with one thing changed, and say what it does to the score; without NAME, list what there is.

    NAME is one of the list, or a YAML file like those in configs/ablations.

    Example: fxkit ablate masked-vs-raw --data xrays
    """
    from fxkit.ablation.result import format_lines, format_table
    from fxkit.ablation.run import run_ablation
    from fxkit.ablation.settings import AblationOptions, list_ablations, read_ablation_settings

    if name is None:
        for known, question in list_ablations().items():
            click.echo(f"{known:<16} {question}")
        return
    asked = read_ablation_settings(name, seeds=read_seeds(seeds) if seeds else None, folds=folds)
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    from fxkit.cli.options import build_config

    config = build_config(**options)
    title = Path(name).stem
    place = out or Path("runs") / f"ablate-{title}"
    refuse_inside(place, data)
    image_root, records = load_source(data, manifest, root, config.seed)
    result = run_ablation(
        title,
        config,
        image_root,
        records,
        place,
        asked,
        AblationOptions(full, resume, overwrite, allow_leaks, device, cleaned, jobs),
        on_step=lambda step: click.echo(step, err=True),
    )
    if result.stamp:
        click.echo(result.stamp)
    for row in format_table(result):
        click.echo("".join(f"{text:<28}" for text in row).rstrip())
    for line in format_lines(result):
        click.echo(line)
    click.echo(f"{result.n_films} test films of {result.n_groups} groups, seeds {', '.join(map(str, result.seeds))}")
    click.echo(
        "quick: a linear head on the frozen backbone's features; --full trains both phases"
        if result.mode == "quick"
        else "full: both phases trained"
    )
    click.echo(f"verdict: {result.verdict}\nreason: {result.reason}\nlimits: {result.limits}")


def read_seeds(text: str) -> tuple[int, ...]:
    """Return comma-separated whole numbers as a tuple."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise click.UsageError(f"--seeds {text}: expected whole numbers with commas, such as 0,1,2")
    seeds = tuple(int(part) for part in parts)
    if len(set(seeds)) < len(seeds):
        raise click.UsageError(f"--seeds {text}: expected each seed once")
    return seeds
