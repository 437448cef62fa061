"""fxkit train"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.options import (
    PATH,
    check_positive,
    load_source,
    model_options,
    print_positive,
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
    from fxkit.config import Config
    from fxkit.data.manifest import Record
    from fxkit.training.dry_run import DryRun, PhasePlan
    from fxkit.training.train import TrainOptions


FINETUNE_HELP = "First backbone stage to fine-tune.  [default: chosen for the architecture]"

UNFREEZE_HELP = "Fine-tune the last stage first, then one more stage every so many epochs."

LAYER_DECAY_HELP = "Multiply the learning rate by this factor for each layer further from the head."

FOLDS_HELP = (
    "Cross-validation by group: train K models on train and val, each with one fold held out. "
    "The run's model averages their probabilities."
)


@cloup.command(short_help="Train a classifier in two phases.")
@source_options
@model_options(
    cloup.option("--image-size", type=int, metavar="PX", help="Side of the network's input."),
    cloup.option("--seed", type=int, help="Seed of weights, film order, augmentation and, with --data, of the split."),
)
@cloup.option_group(
    "Optimisation",
    cloup.option("--batch-size", type=int, metavar="N", help="Films per batch."),
    cloup.option("--accumulate", type=int, metavar="N", help="Batches per gradient step."),
    cloup.option("--finetune-from", metavar="MODULE", help=FINETUNE_HELP),
    cloup.option("--unfreeze-every", type=int, metavar="EPOCHS", help=UNFREEZE_HELP),
    cloup.option("--layer-decay", type=float, metavar="X", help=LAYER_DECAY_HELP),
    cloup.option(
        "--loss", type=click.Choice(["cross-entropy", "focal"]), help="Training loss.  [default: cross-entropy]"
    ),
    cloup.option("--label-smoothing", type=float, metavar="X", help="Share of each target spread over all classes."),
    cloup.option("--class-weights", type=click.Choice(["auto", "none"]), help="auto: weight classes by 1 / frequency."),
    cloup.option("--mixup", type=float, metavar="ALPHA", help="Mixup: blend pairs of films. Try 0.2."),
    cloup.option("--cutmix", type=float, metavar="ALPHA", help="CutMix: paste part of one film into another. Try 1."),
    cloup.option("--ema", type=float, metavar="DECAY", help="Keep a moving average of the weights. Try 0.999."),
    cloup.option("--clip", type=float, metavar="NORM", help="Clip gradients to this L2 norm. Try 1."),
    cloup.option("--lr-find", is_flag=True, help="Find the learning rate of the head first, then train with it."),
)
@cloup.option_group(
    "Hardware (passed to Lightning)",
    cloup.option("--accelerator", help="Kind of device, such as auto, cpu or gpu."),
    cloup.option("--devices", help="Number of devices, or auto."),
    cloup.option("--num-nodes", type=int, help="Number of machines."),
    cloup.option("--strategy", help="How several devices train together, such as auto or ddp."),
    cloup.option("--precision", help="Numeric precision, such as 32-true, 16-mixed or bf16-mixed."),
    cloup.option("--workers", type=int, metavar="N", help="Processes that load films."),
    cloup.option("--deterministic", is_flag=True, default=None, help="Use bit-reproducible operations only. Slower."),
)
@cloup.option_group(
    "Run folder",
    cloup.option("--runs", type=PATH, default=Path("runs"), show_default=True, help="Folder that holds all runs."),
    cloup.option("--name", help="Name of the run folder.  [default: BACKBONE-seedN]"),
    cloup.option("--folds", type=click.IntRange(3), metavar="K", help=FOLDS_HELP),
    cloup.option("--resume", is_flag=True, help="Continue the run of that name after its last finished epoch."),
    cloup.option("--overwrite", is_flag=True, help="Delete the run of that name first."),
    cloup.option("--allow-leaks", is_flag=True, help="Train on a leaking split anyway. Every figure will say so."),
    cloup.option("--dry-run", is_flag=True, help="Print what would be trained and how long it takes. Trains nothing."),
    cloup.option(
        "--logger",
        multiple=True,
        type=click.Choice(["tensorboard", "csv", "wandb", "mlflow"]),
        help="Experiment logger. Repeatable.  [default: tensorboard]",
    ),
    cloup.option("--quiet", is_flag=True, help="Hide the progress bar."),
)
def train(
    data: Path | None,
    manifest: Path | None,
    root: Path | None,
    runs: Path,
    name: str | None,
    folds: int | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Train a classifier: first the head, then the later stages of the backbone.

    Writes a run folder with the model, its settings and its training history.

    With --folds K, the films of train and val are divided into K folds by group. Each fold is predicted by the model
    that did not train on it. Test films stay untouched until `fxkit evaluate`.

    Example: fxkit train --data xrays --backbone resnet50
    """
    check_combination(options, folds=folds, dry_run=dry_run)
    config = take_config(options)
    refuse_inside(runs, data)
    image_root, records = load_source(data, manifest, root, config.seed)
    warn_of_guess(records, config)
    from fxkit.training.train import TrainOptions, hold_run
    from fxkit.training.train import dry_run as measure

    if dry_run:
        plan = measure(config, image_root, records, runs / "dry_run.png", allow_leaks=options["allow_leaks"])
        click.echo("\n".join(plan_lines(plan)))
        return
    training = take_options(TrainOptions, options, progress=not options["quiet"], find_lr=options["lr_find"])
    folder = runs / (name or f"{config.model.backbone}-seed{config.seed}")
    click.get_current_context().with_resource(hold_run(folder))
    if training.resume and not (folder / "config.yaml").is_file():
        click.echo(f"note: no run {folder} to resume; training starts from the beginning", err=True)
    if folds is None:
        train_once(config, image_root, records, folder, training)
    else:
        train_with_folds(config, image_root, records, folder, folds, training)


def check_combination(options: dict[str, Any], *, folds: int | None, dry_run: bool) -> None:
    """Refuse options that cannot be combined."""
    refuse_resume_and_overwrite(options)
    if folds is not None and (options["lr_find"] or dry_run):
        raise click.UsageError(
            "--folds cannot be combined with --lr-find or --dry-run; use these without --folds first"
        )
    if options["lr_find"] and dry_run:
        raise click.UsageError("--lr-find and --dry-run cannot be combined: a dry run trains nothing")


def plan_lines(plan: "DryRun") -> list[str]:
    """Describe what would be trained, and how long that takes at most."""
    from fxkit.data.positive import positive_line

    lines = list(filter(None, [f"classes: {', '.join(plan.classes)}", positive_line(plan.classes)]))
    lines += [
        f"{s.split}: {amount(s.files, 'file')}, {amount(s.films, 'film')}, {amount(s.groups, 'group')}"
        for s in plan.splits
    ]
    lines.append(f"shape of a batch: {' x '.join(map(str, plan.shape_in))} -> {' x '.join(map(str, plan.shape_out))}")
    lines += [phase_line(phase) for phase in plan.phases]
    seconds = sum(phase.seconds for phase in plan.phases)
    estimate = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    lines.append(f"estimated time: at most about {estimate}, from a few measured steps on this machine")
    return [*lines, f"picture of an augmented batch: {plan.picture}"]


def phase_line(phase: "PhasePlan") -> str:
    """Describe one phase of a training plan."""
    if phase.fitted:
        title = f"phase {phase.phase}, fitted as a linear probe"
        passes = f"{phase.epochs} {'pass' if phase.epochs == 1 else 'passes'}"
        validations = "then one validation"
    else:
        title = f"phase {phase.phase}" + (f", from {phase.stage}" if phase.stage else "")
        passes = f"at most {phase.epochs} {'epoch' if phase.epochs == 1 else 'epochs'}"
        validations = "each with a validation"
    return (
        f"{title}: {phase.trained:,} parameters trained, {phase.frozen:,} frozen; {passes} of {phase.steps} steps "
        f"({phase.step_s:.2g} s per step), {validations} ({phase.validation_s:.2g} s)"
    )


def train_once(
    config: "Config", image_root: Path, records: "list[Record]", folder: Path, training: "TrainOptions"
) -> None:
    """Train one model, export it, and print its validation score."""
    from fxkit.data.leaks import leak_stamp
    from fxkit.models.run_folder import open_run
    from fxkit.training.train import train as run_training

    result = run_training(config, image_root, records, folder, training)
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return  # only the first of several processes prints
    stamp = leak_stamp(records)
    if stamp:
        click.echo(stamp)
    if training.find_lr:
        rate = open_run(folder).config.optim.head_lr
        click.echo(f"learning rate of the head: {rate:.3g} (curve: {folder / 'figures' / 'lr_find.png'})")
    export_trained(folder, config.trainer.export)
    stage = f", fine-tuned from {result.finetuned_from}" if result.phase == "finetune" else ""
    click.echo(f"best epoch: {result.epoch + 1} of phase {result.phase}{stage}")
    check_positive(None, folder)
    print_positive(folder)
    click.echo(f"validation: loss {result.val_loss:.4f}, AUROC {result.val_auroc:.4f} (by file, no interval)")
    click.echo(f"run: {result.folder}\nnext: fxkit evaluate {result.folder}")


def train_with_folds(
    config: "Config", image_root: Path, records: "list[Record]", folder: Path, folds: int, training: "TrainOptions"
) -> None:
    """Train one model per fold, print the scores of the held-out folds, and export the average of the models."""
    from fxkit.training.folds import train_folds

    result = train_folds(config, image_root, records, folder, folds, training, on_step=print_step)
    out_of_fold = result.out_of_fold
    scores = out_of_fold.folds
    for stamp in dict.fromkeys(filter(None, (result.stamp, out_of_fold.stamp))):
        click.echo(stamp)
    print_positive(folder)
    for fold in scores.each:
        click.echo(
            f"fold {fold.fold}: {fold.score:.3f}, {amount(fold.n_films, 'film')} of "
            f"{amount(fold.score.n_groups, 'group')}"
        )
    click.echo(f"out of fold: {scores.metric} by film, 95 % intervals over groups")
    click.echo(f"  mean of folds  {scores.mean:.3f}, standard deviation of the folds {scores.spread:.3f}")
    click.echo(f"  pooled         {out_of_fold.headline:.3f}, each film compared with the films of its fold")
    click.echo(f"figures: {result.folder / 'metrics_out_of_fold.json'}")
    click.echo(f"run: {result.folder} (averages {len(scores.each)} models)")
    other = "" if result.n_test else " --data OTHER (the manifest has no test films)"
    click.echo(f"next: fxkit evaluate {result.folder}{other}")
    export_trained(folder, config.trainer.export)


def export_trained(run: Path, form: str | None) -> None:
    """Export a finished run for `fxkit predict`. If that fails, print a warning, because torch can predict as well."""
    if form is None:
        return
    from fxkit.models.export import export_model
    from preprocess.errors import KnownError, one_line

    try:
        export_model(run, form)
    except KnownError as error:
        click.echo(f"warning: no {form} export, so `fxkit predict` will use torch: {one_line(str(error))}", err=True)
