"""Open any ONNX classifier: what the file says of its input and outputs, completed by the user's options."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxkit.errors import ConfigError, RunError
from fxkit.models.exported import onnx_options
from fxkit.models.given.film_input import FilmInput, Layout
from fxkit.models.given.foreign_formats import refuse_foreign_format
from fxkit.models.given.metadata import ModelSays, read_metadata
from fxkit.models.given.network import FilmModel, GivenCard, batch_note, constant_note, probe_pictures
from fxkit.models.given.onnx_graph import hash_onnx, output_function
from fxkit.models.given.options import NO_OPTIONS, GivenOptions, repeat
from fxkit.models.given.outputs import as_matrix, guess_scale, name_outputs, softmax_note
from preprocess.errors import first_few
from preprocess.images import Array
from preprocess.words import amount

TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
}

IN_A_FUNCTION = "predict in a function with --predictor MODULE:FUNCTION"

AXES: dict[Layout, tuple[int, ...]] = {
    "NCHW": (2, 3, 1),
    "NHWC": (1, 2, 3),
    "NHW": (1, 2),
}  # of height, width, channels


def open_onnx(path: Path, options: GivenOptions = NO_OPTIONS) -> FilmModel:
    """Open an ONNX classifier that any program wrote, and try it on test pictures.

    Raises:
        RunError: the file cannot be loaded, has no image input or no output (N, C), or fails on test pictures.
        ConfigError: an option contradicts the file, or something that the file does not say is needed.
    """
    refuse_foreign_format(path)
    name = str(path)
    session = _load(path)
    says = read_metadata(session.get_modelmeta().custom_metadata_map, name, options)
    source = _only_input(name, session)
    film_input = _film_input(name, source, options, says)
    network = _Session(
        name, session, source.name, _choose_output(name, session, options.classes or says.classes), _batch(source.shape)
    )
    prepared = [film_input.prepare(picture) for picture in probe_pictures()]
    network, probe = _try(network, prepared)
    scale = options.scale or says.scale or output_function(path, network.output) or guess_scale(probe, name)
    outputs = name_outputs(name, probe.shape[1], scale, says.classes, options)
    outputs.to_probabilities(probe, len(probe))
    notes = (*softmax_note(probe, scale), *constant_note(probe), *batch_note(network.run, prepared, probe))
    card = GivenCard(outputs.classes, 0.5 if options.threshold is None else options.threshold, hash_onnx(path))
    return FilmModel(card, outputs, network.run, film_input, notes)


@dataclass(frozen=True)
class _Session:
    """An ONNX Runtime session that runs films in batches of the size that the file takes."""

    name: str
    session: Any
    input: str
    output: str
    batch: int  # films in each call; 0: any number

    def run(self, prepared: Sequence[Array]) -> NDArray[Any]:
        """Return the outputs of N prepared films, (N, ...)."""
        films = np.stack(prepared)
        if not self.batch:
            return self._call(films)
        parts = []
        for start in range(0, len(films), self.batch):
            part = films[start : start + self.batch]
            padded = np.concatenate([part, np.repeat(part[-1:], self.batch - len(part), axis=0)])
            parts.append(self._call(padded)[: len(part)])
        return np.concatenate(parts)

    def _call(self, films: NDArray[Any]) -> NDArray[Any]:
        try:
            result = np.asarray(self.session.run([self.output], {self.input: films})[0])
        except Exception as error:
            raise RunError(
                f"{self.name}: fails on films ({_reason(error)}); check --input-size and --channels"
            ) from error
        if self.batch != 1:
            return result
        return result.reshape(1, -1) if result.ndim < 2 else result  # a file for single films may drop the axis N


def _try(network: _Session, prepared: Sequence[Array]) -> tuple[_Session, NDArray[np.float64]]:
    """Return the network and its outputs for the test pictures; one that fails on batches gets single films."""
    try:
        return network, as_matrix(network.run(prepared), network.name, len(prepared))
    except RunError:
        if network.batch:
            raise
    single = replace(network, batch=1)
    return single, as_matrix(single.run(prepared), network.name, len(prepared))


# ---- the file


def _load(path: Path) -> Any:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(path), onnx_options(), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise RunError(f"{path}: {_explain(str(error))} ({_reason(error)})") from error


CAUSES: Sequence[tuple[tuple[str, ...], str]] = (
    (
        ("external data", "cannot get file size", "external initializer", "external_data", "External data"),
        "its weights are in a second file, which is missing or damaged; copy that file beside it",
    ),
    (
        ("is not a registered function/op", "No Op registered", "custom", "domain"),
        f"it uses operators that ONNX Runtime does not have; export it with standard operators, or {IN_A_FUNCTION}",
    ),
    (
        ("opset", "IR version", "ir_version"),
        "it needs a newer ONNX Runtime than is installed; update onnxruntime, or export with a lower opset",
    ),
    (("Protobuf", "protobuf", "INVALID_PROTOBUF"), "it is damaged, cut off, or no ONNX file; copy or export it again"),
)


def _explain(text: str) -> str:
    """Say in words why ONNX Runtime cannot load a file."""
    for signs, cause in CAUSES:
        if any(sign in text for sign in signs):
            return cause
    return "it cannot be loaded; export it again"


def _reason(error: Exception) -> str:
    """Return the first line of an error of ONNX Runtime, shortened."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    line = re.sub(r"^\[ONNXRuntimeError\] : (\d+ : \w+ : )?(Load model from .*? failed: ?)?", "", line)
    return line if len(line) <= 160 else f"{line[:157]}..."


def _only_input(name: str, session: Any) -> Any:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = first_few(one.name for one in inputs) or "none"
        raise RunError(
            f"{name}: has {len(inputs)} inputs ({names}); expected one, the film; export the network with the image as "
            f"its only input, or {IN_A_FUNCTION}"
        )
    if inputs[0].type not in TYPES:
        raise RunError(
            f"{name}: its input {inputs[0].name!r} is a {inputs[0].type}; expected one of {', '.join(TYPES)}"
        )
    return inputs[0]


def _choose_output(name: str, session: Any, classes: Sequence[str] | None) -> str:
    """Return the only output, or the only one of several that can be (N, C) scores of the named classes."""
    outputs = session.get_outputs()
    scores = [o for o in outputs if o.type in list(TYPES)[:3] and len(o.shape) in (0, 1, 2, 4)]
    if len(scores) > 1:
        scores = [output for output in scores if len(output.shape) == 2]
    if len(scores) > 1 and classes:  # a network may also return its features
        scores = [output for output in scores if output.shape[1] == len(classes)] or scores
    if len(scores) != 1:
        found = first_few(f"{output.name} {output.type} {output.shape}" for output in outputs)
        raise RunError(
            f"{name}: expected one output of shape (N, C), the scores of the classes; found {found}; export the "
            f"network with the scores as its only output, or {IN_A_FUNCTION}"
        )
    return str(scores[0].name)


def _batch(shape: Sequence[Any]) -> int:
    return shape[0] if isinstance(shape[0], int) and shape[0] > 0 else 0


# ---- the input


def _film_input(name: str, source: Any, options: GivenOptions, says: ModelSays) -> FilmInput:
    """Return how films are prepared, from the file's shape and type, its metadata and the user's options."""
    layout = _layout(name, source.shape, options.channels or says.channels)
    height, width = _size(name, source.shape, layout, options, says)
    channels = _channels(name, source.shape, layout, options, says)
    dtype = TYPES[source.type]
    chosen: dict[str, Any] = {}
    guessed = []
    for field, fallback in _fallbacks(dtype).items():
        own, said = getattr(options, field), getattr(says, field)
        chosen[field] = own if own is not None else said if said is not None else fallback
        if own is None and said is None and not (dtype == "uint8" and field != "resize"):
            guessed.append("range" if field == "value_range" else field)
    if dtype == "uint8":
        _check_uint8(name, chosen)
    fraction = options.crop_fraction if options.resize is not None else says.crop_fraction
    return FilmInput(
        height,
        width,
        channels,
        value_range=chosen["value_range"],
        mean=repeat(chosen["mean"], channels, "--mean"),
        std=repeat(chosen["std"], channels, "--std"),
        resize=chosen["resize"],
        crop_fraction=fraction or 1.0,
        layout=layout,
        dtype=dtype,
        guessed=tuple(guessed),
    )


def _fallbacks(dtype: str) -> dict[str, Any]:
    return {
        "value_range": (0.0, 255.0) if dtype == "uint8" else (0.0, 1.0),
        "mean": (0.0,),
        "std": (1.0,),
        "resize": "stretch",
    }


def _check_uint8(name: str, chosen: dict[str, Any]) -> None:
    if chosen["value_range"] != (0.0, 255.0) or set(chosen["mean"]) != {0.0} or set(chosen["std"]) != {1.0}:
        raise ConfigError(
            f"{name}: takes grey values of 0 to 255 (uint8), so it normalises films itself; leave out --range, --mean "
            "and --std"
        )


def _layout(name: str, shape: Sequence[Any], channels: int | None) -> Layout:
    """Return the order of the axes: channels are the axis of length 1 or 3."""
    if len(shape) == 3:
        return "NHW"
    if len(shape) != 4:
        raise RunError(
            f"{name}: its input has the shape {_shape_text(shape)}; expected images, (N, C, H, W) or (N, H, W, C); for "
            f"a model on features of a film, {IN_A_FUNCTION}"
        )
    second, last = shape[1], shape[3]
    if second in (1, 3):
        return "NCHW"
    if last in (1, 3):
        return "NHWC"
    if isinstance(second, int) and isinstance(last, int):
        raise RunError(
            f"{name}: its input has the shape {_shape_text(shape)}; expected 1 or 3 channels, as second or last axis"
        )
    if channels is None:
        raise ConfigError(
            f"{name}: its input has the shape {_shape_text(shape)}, which leaves the channels open; give --channels 1 "
            "or --channels 3"
        )
    return "NHWC" if isinstance(second, int) else "NCHW"


def _size(name: str, shape: Sequence[Any], layout: Layout, options: GivenOptions, says: ModelSays) -> tuple[int, int]:
    fixed = [shape[axis] for axis in AXES[layout][:2]]
    given = options.input_size or says.input_size
    if given is None and not all(isinstance(side, int) for side in fixed):
        raise ConfigError(
            f"{name}: takes images of any size ({_shape_text(shape)}); give --input-size, the size of the training"
        )
    for k, side in enumerate(fixed):
        if isinstance(side, int) and given is not None and given[k] != side:
            raise ConfigError(
                f"{name}: takes images of {fixed[0]} x {fixed[1]} pixels; --input-size says {given[0]} x {given[1]}; "
                "leave it out"
            )
    return given if given is not None else (int(fixed[0]), int(fixed[1]))


def _channels(name: str, shape: Sequence[Any], layout: Layout, options: GivenOptions, says: ModelSays) -> int:
    given = options.channels or says.channels
    fixed = 1 if layout == "NHW" else shape[AXES[layout][2]]
    if not isinstance(fixed, int):
        assert given is not None  # `_layout` refuses an unknown number
        return given
    if given is not None and given != fixed:
        raise ConfigError(f"{name}: takes {amount(fixed, 'channel')}; --channels says {given}; leave it out")
    return fixed


def _shape_text(shape: Sequence[Any]) -> str:
    return f"({', '.join(map(str, shape))})"
