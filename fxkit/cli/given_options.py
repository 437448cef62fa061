"""Options of the commands that take a model made elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from fxkit.cli.options import Command, Decorator

if TYPE_CHECKING:
    from fxkit.models.given.open import OpenedModel
    from fxkit.models.given.options import GivenOptions

MODEL_HELP = (
    "ONNX file of any program, run folder, exported file, or timm:NAME, hf-hub:OWNER/NAME or local-dir:FOLDER of a "
    "model in timm's format."
)

PREDICTOR_HELP = (
    "Python function from a list of films, (H, W) uint8 arrays, to (N, C) probabilities. The module is imported from "
    "the current folder or PYTHONPATH."
)

# Name of the parameter -> option
INPUT_OPTIONS = {
    "classes": "--classes",
    "input_size": "--input-size",
    "channels": "--channels",
    "value_range": "--range",
    "mean": "--mean",
    "std": "--std",
    "resize": "--resize",
}

# Names of the parameters of `output_options`
OUTPUT_OPTIONS = ("scale", "threshold")

output_options = (
    cloup.option(
        "--scale", type=click.Choice(["probability", "logit"]), help="What the outputs are.  [default: by the model]"
    ),
    cloup.option("--threshold", type=float, help="Probability from which a film is called positive.  [default: 0.5]"),
)


def model_option(command: Command) -> Command:
    """Add --model to a command."""
    return cloup.option("--model", metavar="MODEL", help=MODEL_HELP)(command)


def predictor_option(command: Command) -> Command:
    """Add --predictor to a command."""
    return cloup.option("--predictor", metavar="MODULE:FUNCTION", help=PREDICTOR_HELP)(command)


def given_options(*first: Decorator) -> Decorator:
    """Return a decorator that adds the given options, and those that say what a model made elsewhere takes."""
    return cloup.option_group(
        "Model made elsewhere",
        "What the file itself says is used; these options say the rest. What is guessed is printed.",
        *first,
        cloup.option("--classes", metavar="A,B", help="Classes in the order of the outputs. One output: that of B."),
        cloup.option("--input-size", metavar="S|HxW", help="Size of the input in pixels, such as 224 or 320x256."),
        cloup.option("--channels", type=click.Choice(["1", "3"]), help="Channels; 3 are equal ones."),
        cloup.option(
            "--range",
            "value_range",
            metavar="LOW,HIGH",
            help="Values of black and white before the normalisation, such as 0-1, 0-255 or -1,1.  [default: 0-1]",
        ),
        cloup.option("--mean", metavar="M[,M,M]", help="Subtracted, in values of --range.  [default: 0]"),
        cloup.option("--std", metavar="S[,S,S]", help="Divides the result.  [default: 1]"),
        cloup.option(
            "--resize",
            metavar="HOW",
            help="stretch, pad (with black), crop (the centre), or crop=0.875, the part of the shorter side that is "
            "kept.  [default: stretch]",
        ),
    )


def read_given_options(options: dict[str, Any], **further: Any) -> "tuple[GivenOptions, tuple[str, ...]]":
    """Take the options of a model made elsewhere out of the options of a command.

    Args:
        options: the options of the command; those that are read are removed.
        further: fields of `GivenOptions` that no option of `given_options` sets.
    Returns:
        The options, and the same as arguments of the command line, to be recorded.
    Raises:
        ConfigError: an option cannot be read.
    """
    from fxkit.models.given.options import (
        GivenOptions,
        parse_classes,
        parse_numbers,
        parse_range,
        parse_resize,
        parse_size,
    )

    texts = {name: options.pop(name) for name in INPUT_OPTIONS}
    arguments = [part for name, text in texts.items() if text is not None for part in (INPUT_OPTIONS[name], text)]
    for name in ("scale", "positive", "threshold"):
        if further.get(name) is not None:
            arguments += [f"--{name}", f"{further[name]}"]
    parsers: dict[str, Any] = {
        "classes": parse_classes,
        "input_size": parse_size,
        "channels": int,
        "value_range": parse_range,
        "mean": lambda text: parse_numbers(text, "--mean"),
        "std": lambda text: parse_numbers(text, "--std"),
    }
    values = {name: parse(texts[name]) for name, parse in parsers.items() if texts[name] is not None}
    if texts["resize"] is not None:
        values["resize"], values["crop_fraction"] = parse_resize(texts["resize"])
    return GivenOptions(**values, **further), tuple(arguments)


def open_given(
    model: str | Path | None, predictor: str | None, options: "GivenOptions", **network_options: Any
) -> "OpenedModel":
    """Open the model or the function that a command names; exactly one of them is given."""
    from fxkit.models.given.open import open_function, open_model

    if predictor is not None:
        return open_function(predictor, options)
    assert model is not None
    return open_model(model, options, **network_options)
