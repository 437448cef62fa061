"""What `fxkit ablate` does with a model that was made elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fxkit.cli.given_options import INPUT_OPTIONS, OUTPUT_OPTIONS, open_given, read_given_options
from fxkit.cli.options import load_source, print_notes, print_step, take_options

if TYPE_CHECKING:
    from fxkit.ablation.settings import AblationSettings
    from fxkit.data.manifest import Record
    from fxkit.report.ablation import Ablation

TRAINING = ("full", "folds", "backbone", "weights", "no_pretrained", "preset", "settings", "epochs", "allow_leaks")

Source = tuple[Path, "list[Record]"]  # root of the films, and their records


def refuse_training_options() -> None:
    """Refuse the options of the command that say how models are trained."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in TRAINING and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} is about training, and a given model is not trained")


def refuse_input_options(options: dict[str, Any]) -> None:
    """Take the options of a model made elsewhere out of those of the command, and refuse them without such a model."""
    values = {name: options.pop(name) for name in ("model", "predictor", *INPUT_OPTIONS, *OUTPUT_OPTIONS)}
    given = [INPUT_OPTIONS.get(name, f"--{name}") for name, value in values.items() if value is not None]
    if given:
        raise click.UsageError(f"{given[0]} describes a model made elsewhere; give --model or --predictor")


def load_films(data: Path | None, manifest: Path | None, root: Path | None, folder: Path) -> Source:
    """Return the films of the options; without them, those of a folder that `fxkit evaluate` wrote."""
    from fxkit.models.predictions_source import FILE
    from fxkit.models.run_folder import open_results

    if data is not None or manifest is not None or not (folder / FILE).is_file():
        return load_source(data, manifest, root, split="none")
    results = open_results(folder)
    return root or results.root, list(results.records)


def ablate_model(source: Source, folder: Path, settings: "AblationSettings", options: Mapping[str, Any]) -> "Ablation":
    """Open the model that the options name, and test it on the films of the arms."""
    from fxkit.ablation.given import ablate_given
    from fxkit.ablation.settings import AblationOptions
    from fxkit.data.manifest import usable
    from fxkit.data.positive import order_classes

    refuse_training_options()
    values, (root, records) = dict(options), source
    name, predictor = values.pop("model"), values.pop("predictor")
    if name is not None and predictor is not None:
        raise click.UsageError("--model and --predictor cannot be combined")
    classes = order_classes((r.label for r in usable(records)), values["positive"])
    outputs = {name: values.pop(name) for name in OUTPUT_OPTIONS}
    given, _ = read_given_options(values, positive=values["positive"], data_classes=classes, **outputs)
    model = open_given(name, predictor, given, device=values["device"], films=len(records))
    print_notes([*filter(None, [model.note]), *([] if model.kind in ("run", "export") else model.describe())])
    return ablate_given(
        model, root, records, folder, settings, take_options(AblationOptions, values), on_step=print_step
    )
