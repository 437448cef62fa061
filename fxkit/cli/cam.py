"""fxkit cam"""

from pathlib import Path

import click


@click.command(short_help="Show where a model looks, and how much at markers.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@click.option("--root", type=click.Path(path_type=Path), help="Where the run's films lie now, if they moved.")
@click.option(
    "--markers",
    type=click.Path(path_type=Path),
    help="Cleaned folder, ledger.jsonl or COCO file of the films.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=24,
    show_default=True,
    help="Films of the run's test split at most; 0: all.",
)
@click.option(
    "--method",
    type=click.Choice(["grad-cam", "grad-cam++", "hirescam", "layercam", "eigencam"]),
    default="grad-cam",
    show_default=True,
    help="How maps are made.",
)
@click.option(
    "--boxes",
    type=click.Path(path_type=Path),
    help="COCO file of fractures, for the pointing game on the run's test films.",
)
@click.option("--sanity", is_flag=True, help="Compare the maps with those of the same network with shuffled weights.")
@click.option("--out", type=click.Path(path_type=Path), help="RUN/cam if not given.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
def cam(
    run: Path,
    images: tuple[Path, ...],
    root: Path | None,
    markers: Path | None,
    limit: int,
    method: str,
    boxes: Path | None,
    sanity: bool,
    out: Path | None,
    device: str,
) -> None:
    """Show where a model looks, and how much of it lies on markers, beside chance.

    Without IMAGES, one copy of each film of the run's test split is explained. Markers come from the folder that
    `clean-labels` made of the films (ROOT-clean, if it is there), or from --markers.

    Example: fxkit cam runs/resnet50-seed0 --markers xrays-clean
    """
    from fxkit.explain.explain import ExplainOptions, describe_explanation, explain
    from fxkit.explain.films import films_from_images, films_from_run
    from fxkit.models.predict_images import build_cleaner
    from fxkit.models.run_folder import open_run
    from fxkit.models.saved import load_model
    from preprocess.settings import read_clean_settings

    model, opened = load_model(run), open_run(run)
    if images and boxes:
        raise click.UsageError("--boxes belongs to the run's test films; leave it or the images out")
    if images:
        films = films_from_images(images, markers)
    else:
        films = films_from_run(opened, root=root, markers=markers, boxes=boxes, limit=limit)
    clean = build_cleaner(model) if images or read_clean_settings(root or opened.root) is None else None
    place = out or run / "cam"
    options = ExplainOptions(
        method=method,
        sanity=sanity,
        clean=clean,
        max_pixels=opened.config.data.max_pixels,
        device=device,
        stamp=opened.stamp,
    )
    explanation = explain(model, films, place, options)
    if opened.stamp:
        click.echo(opened.stamp)
    for line in describe_explanation(explanation):
        click.echo(line)
    click.echo(f"pictures: {place / 'sheet.png'}")
