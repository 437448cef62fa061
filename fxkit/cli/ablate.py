"""fxkit ablate"""

from pathlib import Path
from typing import Any

import click

from fxkit.cli.source import load_source, refuse_inside, source_options


@click.command(short_help="Measure what the markers are worth to the score.")
@click.argument("name", required=False)
@source_options
@click.option(
    "--cleaned",
    type=click.Path(path_type=Path),
    help="The films as `clean-labels` left them; made if missing.",
)
@click.option("--seeds", help="Comma-separated; a model is trained for each seed and arm.")
@click.option("--config", "preset", help="As for train.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As for train.")
@click.option("--backbone", help="As for train.")
@click.option("--weights", type=click.Path(), help="As for train.")
@click.option("--no-pretrained", is_flag=True, help="As for train.")
@click.option("--epochs", metavar="HEAD,FINETUNE", help="As for train.")
@click.option("--out", type=click.Path(path_type=Path), help="runs/ablate-NAME if not given.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes for cleaning.")
@click.option("--resume", is_flag=True, help="Keep the models that are trained already.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier ablation in the same folder.")
@click.option("--allow-leaks", is_flag=True, help="As for train.")
@click.option("--device", default="auto", show_default=True, help="For testing: auto, cpu, cuda or mps.")
def ablate(
    name: str | None,
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    cleaned: Path | None,
    seeds: str | None,
    out: Path | None,
    jobs: int,
    resume: bool,
    overwrite: bool,
    allow_leaks: bool,
    device: str,
    **options: Any,
) -> None:
    """Train and test with one thing changed, and say what it does to the score; without NAME, list what there is.

    Example: fxkit ablate masked-vs-raw --data xrays
    """
    from fxkit.ablate import ablation_settings, cleaned_records, list_ablations, masked_vs_raw, table
    from fxkit.data.leaks import refuse_leaks

    if name is None:
        for known, question in list_ablations().items():
            click.echo(f"{known:<16} {question}")
        return
    preset = ablation_settings(name)
    chosen = read_seeds(seeds) if seeds else preset.seeds
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    from fxkit.cli.train import build_config

    config = build_config(**options)
    place = out or Path("runs") / f"ablate-{name}"
    refuse_inside(place, data)
    image_root, records = load_source(data, manifest, root, config.seed)
    if not allow_leaks:
        refuse_leaks(records)  # before hours of cleaning
    cleaned_root, held = cleaned_records(image_root, records, cleaned, jobs=jobs)
    if len(held) < len(records):
        click.echo(f"note: {len(records) - len(held)} files are unreadable or could not be cleaned: left out", err=True)
    result = masked_vs_raw(
        config,
        image_root,
        cleaned_root,
        held,
        place,
        seeds=chosen,
        margin=preset.margin,
        resume=resume,
        overwrite=overwrite,
        allow_leaks=allow_leaks,
        device=device,
        on_step=lambda step: click.echo(step, err=True),
    )
    if result.stamp:
        click.echo(result.stamp)
    for row in table(result):
        click.echo("".join(f"{text:<28}" for text in row).rstrip())
    for label, found in (
        ("raw-trained: raw minus cleaned films", result.difference),
        ("raw arm minus cleaned arm", result.between_arms),
    ):
        click.echo(f"{label}: {found.value:+.3f} (95 % interval {found.low:+.3f} to {found.high:+.3f})")
    click.echo(f"{result.n_films} test films of {result.n_groups} groups, seeds {', '.join(map(str, result.seeds))}")
    click.echo(f"verdict: {result.verdict}\nreason: {result.reason}")


def read_seeds(text: str) -> tuple[int, ...]:
    """Return comma-separated whole numbers as a tuple."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise click.UsageError(f"--seeds {text}: expected whole numbers with commas, such as 0,1,2")
    seeds = tuple(int(part) for part in parts)
    if len(set(seeds)) < len(seeds):
        raise click.UsageError(f"--seeds {text}: expected each seed once")
    return seeds
