"""fxkit train"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxkit.cli.options import build_config, load_source, refuse_inside, source_options

if TYPE_CHECKING:
    from fxkit.training.dry_run import DryRun


def export_trained(run: Path, form: str | None) -> None:
    """Write what `fxkit predict` starts with beside a run that has just ended; where that fails, torch will predict."""
    if form is None:
        return
    from fxkit.models.export import export_model
    from preprocess.errors import KnownError, one_line

    try:
        export_model(run, form)
    except KnownError as error:
        click.echo(f"warning: no {form} export, `fxkit predict` starts torch: {one_line(str(error))}", err=True)


@click.command(short_help="Train a classifier in two phases.")
@source_options
@click.option("--backbone", help="Any timm backbone; resnet50 where nothing else is set.")
@click.option(
    "--weights",
    type=click.Path(),
    help="The backbone's weights: safetensors, a state dict of tensors, or the folder of a finished run.",
)
@click.option("--no-pretrained", is_flag=True, help="Start from random weights instead of the hub's ImageNet ones.")
@click.option(
    "--config",
    "preset",
    help="YAML file, or a preset's name: default, probe, baseline (the published recipe), demo, tiny.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting, such as optim.head_lr=3e-4.")
@click.option("--epochs", metavar="HEAD,FINETUNE", help="Epochs of the two phases; 5,15 where nothing else is set.")
@click.option("--finetune-from", help="Module from which on the backbone is fine-tuned; found by itself if not given.")
@click.option("--unfreeze-every", type=int, metavar="EPOCHS", help="The last stage first, then one more each time.")
@click.option("--layer-decay", type=float, metavar="X", help="Factor of the backbone's rate, layer by layer.")
@click.option("--loss", type=click.Choice(["cross-entropy", "focal"]), help="Of training; cross-entropy if not given.")
@click.option("--label-smoothing", type=float, metavar="X", help="Share of each target spread over all classes.")
@click.option("--class-weights", type=click.Choice(["auto", "none"]), help="auto: rarer classes weigh more.")
@click.option("--mixup", type=float, metavar="ALPHA", help="Mix films by pairs; such as 0.2.")
@click.option("--cutmix", type=float, metavar="ALPHA", help="Paste a part of one film into another; such as 1.")
@click.option("--ema", type=float, metavar="DECAY", help="Keep the moving average of the weights; such as 0.999.")
@click.option("--clip", type=float, metavar="NORM", help="Shorten longer gradients to this norm; such as 1.")
@click.option("--accumulate", type=int, metavar="N", help="Batches a step.")
@click.option("--image-size", type=int, help="Side of the network's input, px.")
@click.option("--batch-size", type=int, help="Films a step.")
@click.option("--workers", type=int, help="Loader processes.")
@click.option("--seed", type=int, help="Of weights, order, augmentation and (with --data) the split.")
@click.option("--precision", help="Lightning's, such as 32-true, 16-mixed, bf16-mixed.")
@click.option("--accelerator", help="Lightning's, such as auto, cpu, gpu.")
@click.option("--devices", help="Lightning's: how many, or auto.")
@click.option("--num-nodes", type=int, help="Machines.")
@click.option("--strategy", help="Lightning's, such as auto, ddp.")
@click.option(
    "--deterministic", is_flag=True, default=None, help="Only operations that repeat to the last bit; slower."
)
@click.option(
    "--logger",
    multiple=True,
    type=click.Choice(["tensorboard", "csv", "wandb", "mlflow"]),
    help="Repeatable; tensorboard if not given.",
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of the runs.",
)
@click.option("--name", help="Of the run's folder; BACKBONE-seedN if not given.")
@click.option("--resume", is_flag=True, help="Go on from the last finished epoch of the run of that name.")
@click.option("--overwrite", is_flag=True, help="Delete the run of that name first.")
@click.option(
    "--folds",
    type=click.IntRange(3),
    metavar="K",
    help="Train K models on train and val, each with one fold held out; the run's model is their mean.",
)
@click.option("--allow-leaks", is_flag=True, help="Train on a leaking split all the same; every figure says so.")
@click.option("--lr-find", is_flag=True, help="Search the head's learning rate first, and train with it.")
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and how long; leave no run folder.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def train(
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    runs: Path,
    name: str | None,
    resume: bool,
    overwrite: bool,
    folds: int | None,
    allow_leaks: bool,
    lr_find: bool,
    dry_run: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a classifier: its head first, then the backbone's later stages.

    Leaves a run folder with the model, its settings and its history.

    With --folds K, train and val are divided by group. Of each fold a model is tested that did not see it; the fold
    after it chose that model's epoch. The test films are left alone, for `fxkit evaluate`.

    Example: fxkit train --data xrays --backbone resnet50
    """
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    if folds is not None and (lr_find or dry_run):
        raise click.UsageError("--folds excludes --lr-find and --dry-run; try one training first, without --folds")
    if lr_find and dry_run:
        raise click.UsageError("--lr-find and --dry-run exclude each other; a dry run searches nothing")
    config = build_config(**options)
    refuse_inside(runs, data)
    image_root, records = load_source(data, manifest, root, config.seed)
    from fxkit.data.leaks import leak_stamp
    from fxkit.models.run_folder import open_run
    from fxkit.training.train import TrainOptions
    from fxkit.training.train import dry_run as run_dry
    from fxkit.training.train import train as run_training

    if dry_run:
        found = run_dry(config, image_root, records, runs / "dry_run.png", allow_leaks=allow_leaks)
        click.echo("\n".join(plan_lines(found)))
        return
    folder = runs / (name or f"{config.model.backbone}-seed{config.seed}")
    if resume and not (folder / "config.yaml").is_file():
        click.echo(f"note: there is no run {folder} to resume; it starts anew", err=True)
    training = TrainOptions(resume, overwrite, allow_leaks, progress=not quiet, find_lr=lr_find)
    if folds is not None:
        train_and_print(config, image_root, records, folder, folds, training)
        export_trained(folder, config.trainer.export)
        return
    result = run_training(config, image_root, records, folder, training)
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return  # of several processes on one machine, the first speaks
    stamp = leak_stamp(records)
    if stamp:
        click.echo(stamp)
    if lr_find:
        rate = open_run(folder).config.optim.head_lr
        click.echo(f"learning rate of the head: {rate:.3g} (see {folder / 'figures' / 'lr_find.png'})")
    export_trained(folder, config.trainer.export)
    stage = f", fine-tuned from {result.finetuned_from}" if result.finetuned_from else ""
    click.echo(f"best epoch: {result.epoch + 1} of phase {result.phase}{stage}")
    click.echo(f"validation: loss {result.val_loss:.4f}, AUROC {result.val_auroc:.4f} (by file, no interval)")
    click.echo(f"run: {result.folder}\nnext: fxkit evaluate {result.folder}")


def plan_lines(found: "DryRun") -> list[str]:
    """Say what a training would do."""
    lines = [f"classes: {', '.join(found.classes)}"]
    lines += [f"{s.split}: {s.files} files, {s.films} films, {s.groups} groups" for s in found.splits]
    lines.append(f"batch: {' x '.join(map(str, found.shape_in))} -> {' x '.join(map(str, found.shape_out))}")
    for p in found.phases:
        stage = f", from {p.stage}" if p.stage else ", fitted at once" if p.fitted else ""
        passes = f"{p.epochs} {'pass' if p.epochs == 1 else 'passes'}" if p.fitted else f"{p.epochs} epochs at most"
        lines.append(
            f"phase {p.phase}{stage}: {p.trained:,} parameters trained, {p.frozen:,} frozen; {passes} of "
            f"{p.steps} steps of {p.step_s:.2g} s and {p.validation_s:.2g} s of validation"
        )
    seconds = sum(p.seconds for p in found.phases)
    estimate = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return [
        *lines,
        f"time: about {estimate} at most, by a few steps on this machine",
        f"batch as seen: {found.picture}",
    ]


def train_and_print(*arguments: Any) -> None:
    """Train a model a fold, and print the figure of each fold, pooled and averaged, by film."""
    from fxkit.training.folds import train_folds
    from preprocess.errors import one_line

    result = train_folds(*arguments, on_step=lambda step: click.echo(one_line(step), err=True))
    found = result.out_of_fold
    for stamp in dict.fromkeys(filter(None, (result.stamp, found.stamp))):
        click.echo(stamp)
    for fold in found.folds:
        click.echo(f"fold {fold.fold}: {fold.score:.3f}, {fold.n_films} films of {fold.score.n_groups} groups")
    click.echo(f"out of fold: {found.metric} by film, 95 % intervals over groups")
    click.echo(f"  mean of folds  {found.mean:.3f}, standard deviation of the folds {found.spread:.3f}")
    click.echo(f"  pooled         {found.headline:.3f}, fair only where the models' probabilities are calibrated")
    click.echo(f"figures: {result.folder / 'metrics_out_of_fold.json'}")
    other = "" if result.n_test else " --data OTHER, as there are no test films"
    click.echo(f"run: {result.folder} (the mean of {len(found.folds)} models)")
    click.echo(f"next: fxkit evaluate {result.folder}{other}")
