"""fxkit evaluate"""

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Other films: folder of class folders, or CSV file.")
@click.option("--manifest", type=click.Path(path_type=Path), help="Other films: a manifest; all its rows are used.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder that the paths are relative to.")
@click.option("--name", help="Of the folder of other films' figures; the data's own name if not given.")
@click.option("--split", type=click.Choice(["test", "val", "train"]), default="test", show_default=True)
@click.option("--raw", is_flag=True, help="Take uncleaned films although the model was trained on cleaned ones.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
def evaluate(
    run: Path,
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    name: str | None,
    split: str,
    raw: bool,
    device: str,
) -> None:
    """Evaluate a run on its test films, or on other data, and write its report.

    Every figure comes with a 95 % interval over groups.

    Example: fxkit evaluate runs/resnet50-seed0
    """
    from fxkit.evaluate import evaluate_other, evaluate_run
    from fxkit.report import build_report

    if data is None and manifest is None:
        result = evaluate_run(run, root=root, split=split, raw=raw, device=device)
    else:
        from fxkit.cli.source import load_source

        place, records = load_source(data, manifest, root, split="none")
        called = name or Path(str(data or manifest)).resolve().stem
        result = evaluate_other(run, records, place, called, raw=raw, device=device)
    evaluation = result.evaluation
    click.echo(f"{evaluation.n_files} files, {evaluation.n_films} films, {evaluation.n_groups} groups")
    for level, shown in (("file", evaluation.file), ("film", evaluation.film)):
        click.echo(f"by {level}:")
        for metric, found in shown.figures.items():
            shown_figure = f"{found.value:.3f}  ({found.low:.3f} to {found.high:.3f})"
            click.echo(f"  {metric:<20} {shown_figure if found.value == found.value else 'undefined'}")
    if result.leaks is not None and result.leaks.leaked_files:
        click.echo(
            f"warning: {result.leaks.leaked_files} of {result.leaks.test_files} test files have a copy in training: "
            "these figures do not tell how the model does on new films",
            err=True,
        )
    click.echo(f"figures: {result.folder / 'metrics.json'}\nreport: {build_report(run)}")
