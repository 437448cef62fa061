"""Options that several commands share, and how they become films, settings and options of the library."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import cloup

from preprocess.words import amount

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from fxkit.config import Config
    from fxkit.data.manifest import Record


Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

OptionsObject = TypeVar("OptionsObject", bound="DataclassInstance")

PATH = click.Path(path_type=Path)
MAX_PIXELS = 100_000_000


def source_options(command: Command) -> Command:
    """Add --data, --manifest and --root to a command."""
    return cloup.option_group(
        "Films",
        cloup.option("--data", type=PATH, help="Folder with one subfolder per class, or a CSV file."),
        cloup.option("--manifest", type=PATH, help="Manifest written by `fxkit index`. Needs --root."),
        cloup.option("--root", type=PATH, help="Folder that the paths in the CSV or manifest are relative to."),
    )(command)


def model_options(*further: Decorator) -> Decorator:
    """Return a decorator that adds the options of the model and its preset, then the further options."""
    return cloup.option_group(
        "Model and settings",
        cloup.option(
            "--backbone", help="Name of a timm backbone, or hf-hub:OWNER/NAME or local-dir:FOLDER.  [default: resnet50]"
        ),
        cloup.option(
            "--weights",
            type=click.Path(),
            help="Initial weights of the backbone: a safetensors file, a PyTorch state dict, or a finished run.",
        ),
        cloup.option("--no-pretrained", is_flag=True, help="Start from random weights instead of ImageNet weights."),
        cloup.option(
            "--config",
            "preset",
            help="YAML file, or preset: default, probe, baseline (the published recipe), demo, tiny.",
        ),
        cloup.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP),
        cloup.option("--epochs", metavar="HEAD,FINETUNE", help="Epochs of the two phases.  [default: 5,15]"),
        positive_option("Positive class of two.  [default: the class whose name means a finding]"),
        *further,
    )


def positive_option(help_text: str) -> Decorator:
    """Return a decorator that adds --positive."""
    return cloup.option("--positive", metavar="CLASS", help=help_text)


CHECKED_POSITIVE = "Refuse the run unless this is its positive class, which training has fixed."

TTA_HELP = (
    "Test-time augmentation: average over mirrored views (flips), rotated views (turns) or both. Only views that "
    "the training used are allowed."
)

SET_HELP = "Change any setting, such as optim.head_lr=3e-4. Repeatable."

DEVICE_HELP = "Device that runs the network: auto, cpu, cuda or mps."


def device_option(help_text: str = DEVICE_HELP) -> Decorator:
    """Return a decorator that adds --device."""
    return cloup.option("--device", default="auto", show_default=True, help=help_text)


def cluster_options(command: Command) -> Command:
    """Add --jobs, --backend and --scheduler to a command."""
    return cloup.option_group(
        "Processes",
        cloup.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Number of processes."),
        cloup.option(
            "--backend",
            type=click.Choice(["loky", "dask"]),
            default="loky",
            show_default=True,
            help="loky: processes on this machine. dask: all workers of a Dask cluster, which must see the folders "
            "under the same paths.",
        ),
        cloup.option("--scheduler", metavar="ADDRESS", help="Address of the Dask scheduler, such as tcp://host:8786."),
    )(command)


def take_options(options_class: type[OptionsObject], options: dict[str, Any], **further: object) -> OptionsObject:
    """Build an options object of the library from the command-line options that are named like its fields.

    Args:
        options: the options of the command. Those that the object holds are removed.
        further: fields that no option is named like.
    """
    names = [name for name in options_class.__dataclass_fields__ if name in options]
    return options_class(**{name: options.pop(name) for name in names}, **further)


def print_step(step: str) -> None:
    """Print the next step of a long command on one line of stderr."""
    from preprocess.errors import one_line

    click.echo(one_line(step), err=True)


def print_notes(notes: Iterable[str]) -> None:
    """Print each note on one line of stderr."""
    from preprocess.errors import one_line

    for note in notes:
        click.echo(f"note: {one_line(note)}", err=True)


def refuse_resume_and_overwrite(options: dict[str, Any]) -> None:
    """Refuse --resume together with --overwrite."""
    if options["resume"] and options["overwrite"]:
        raise click.UsageError("--resume and --overwrite cannot be combined")


def load_source(
    data: Path | None, manifest: Path | None, root: Path | None, seed: int = 0, *, split: str = "grouped"
) -> "tuple[Path, list[Record]]":
    """Return the image root and the records: read from a manifest, or indexed from a folder or CSV file."""
    if data is not None and manifest is None:
        return _index_source(data, root, seed, split)
    if manifest is None or data is not None:
        raise click.UsageError("give either --data DIR, or --manifest FILE with --root DIR")
    if root is None:
        raise click.UsageError("--manifest needs --root, the folder that its paths are relative to")
    from dataclasses import replace

    from fxkit.data.manifest import read_manifest
    from fxkit.errors import DataError
    from preprocess.tables.cells import label_key
    from preprocess.tables.spellings import CLASSES, join_spellings

    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected the folder that the paths in {manifest} are relative to")
    records = read_manifest(manifest)
    labels, notes = join_spellings([record.label for record in records], label_key, CLASSES)
    print_notes(f"{manifest}: {note}" for note in notes)
    return root, [replace(record, label=label) for record, label in zip(records, labels, strict=True)]


def list_image_files(images: Sequence[Path]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the given files and the image files in the given folders, and print what is left out.

    Returns:
        The paths; and the path and the error of each folder that cannot be listed.
    Raises:
        KnownError: there is no image.
    """
    from preprocess.errors import KnownError
    from preprocess.image_files import EXPECTED_FILES
    from preprocess.listing import list_images

    listings = {folder: list_images(folder) for folder in images if folder.is_dir()}
    for folder, listing in listings.items():
        print_notes(f"{folder}: {note}" for note in listing.notes)
    paths: list[Path] = []
    for image in images:
        paths += [image / name for name in listings[image].paths] if image in listings else [image]
    unlisted = [(name, str(error)) for listing in listings.values() for name, error in listing.unlisted]
    if not paths and not unlisted:
        raise KnownError(f"no image in {', '.join(map(str, images))}; expected {EXPECTED_FILES}")
    return paths, unlisted


def warn_of_guess(records: "list[Record]", config: "Config") -> None:
    """Print a warning on stderr if the positive class of a training can only be guessed."""
    from fxkit.data.manifest import usable
    from fxkit.data.positive import choose_order

    warning = choose_order((record.label for record in usable(records)), config.data.positive).warning
    if warning:
        click.echo(warning, err=True)


def print_positive(run: Path) -> None:
    """Print the positive class of a run."""
    from fxkit.data.positive import positive_line
    from fxkit.models.run_folder import open_results

    line = positive_line(open_results(run).classes)
    if line:
        click.echo(line)


def check_positive(positive: str | None, *runs: Path) -> None:
    """Refuse runs with another positive class than the user names, and print why a run has an unexpected one."""
    from fxkit.data.positive import check_order
    from fxkit.models.run_folder import Run, open_results

    for run in map(open_results, runs):
        if positive is not None:
            check_order(run.classes, positive, str(run.folder))
        if isinstance(run, Run) and run.order_note:
            click.echo(f"note: {run.order_note}", err=True)


def hold(folder: Path) -> None:
    """Hold the lock of a folder or file until the command ends.

    Raises:
        OutputError: another process holds it.
    """
    from preprocess.locks import lock

    click.get_current_context().with_resource(lock(folder))


def refuse_inside(out: Path, data: Path | None) -> None:
    """Refuse an output folder inside the data folder, because the next run would mistake its files for films.

    Args:
        data: folder that is indexed; None when a manifest lists the films.
    Raises:
        OutputError: `out` lies in `data`, or is a symbolic link to itself.
    """
    from preprocess.errors import OutputError
    from preprocess.files import real_path

    if data is not None and data.is_dir() and real_path(out).is_relative_to(real_path(data)):
        raise OutputError(f"{out}: lies inside the data folder {data}; choose a folder outside it")


def _index_source(data: Path, root: Path | None, seed: int, split: str) -> "tuple[Path, list[Record]]":
    from fxkit.index.build import IndexOptions, index_data

    index = index_data(data, IndexOptions(root=root, seed=seed, split=split))
    print_notes(index.notes)
    unreadable = sum(record.status != "ok" for record in index.records)
    if unreadable:
        click.echo(
            f"note: {amount(unreadable, 'unreadable file is', 'unreadable files are')} left out; run "
            f"`fxkit index` to list them",
            err=True,
        )
    return index.root, list(index.records)
