"""Exported models: one file with the whole network and its description. Running one needs no torch and no timm."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from fxkit.data.positive import positive_class
from fxkit.data.preprocessing import Preprocessing
from fxkit.errors import RunError
from fxkit.models.model_json import Bias, Classes, Probability, Temperature
from preprocess.json_files import describe_error, parse_json

KEY = "fxkit"  # metadata key under which a file holds its card

INPUT, OUTPUT = "films", "probabilities"  # names of the network's input and output

FORMATS = {"onnx": ".onnx", "openvino": ".xml"}  # format: file ending

TORCHSCRIPT_ENDING = ".pt"

Films = NDArray[np.uint8]

Floats = NDArray[np.float64]

USAGE_RULES = {
    "input": f"{INPUT}: (N, 1, S, S) uint8, grey films at the network's size, bright bone",
    "output": f"{OUTPUT}: (N, C) float32, in the order of classes; mean, std, temperature, bias and softmax are inside",
    "resize": "stretch: to (S, S); pad: longer side to S, then black on all sides. A side that shrinks is averaged "
    "over areas, a side that grows is interpolated linearly. S is preprocessing.image_size",
    "decision": "two classes: the second if its probability is at least threshold; more: the most probable class",
}


@dataclass(frozen=True, config=ConfigDict(allow_inf_nan=False))
class ExportedCard:
    """The description inside an exported file. Values out of range are refused."""

    classes: Classes  # in the order of the probabilities; of two, the second is the positive class
    preprocessing: Preprocessing
    cleaning: Mapping[str, Any] | None  # settings of clean-labels; None if the model was trained on raw films
    threshold: Probability  # on the positive class's probability
    temperature: Temperature  # divides the logits, inside the network
    backbone: str  # timm's name
    stamp: str  # the warning shown with every figure of a run with a leaking split; else ""
    source: str  # see `model_hash`
    fxkit: str  # version that wrote the file
    bias: Bias = ()  # added to the logits after the temperature, inside the network; () in exports of fxkit 0.1.0


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """An exported model, ready to run on the CPU."""

    card: ExportedCard
    run: Callable[[Films], NDArray[np.float32]]  # (N, 1, S, S) films -> (N, C) probabilities

    def probabilities(self, films: Films) -> Floats:
        """Return (N, C) probabilities of (N, S, S) films at the network's size."""
        return np.asarray(self.run(np.ascontiguousarray(films[:, None])), np.float64)


def format_card(card: ExportedCard) -> str:
    """Return the card and the usage rules as JSON, for the file's metadata."""
    values = dataclasses.asdict(card) | {"positive": positive_class(card.classes), "rules": USAGE_RULES}
    return json.dumps(values, indent=1)


def parse_card(text: str, path: Path) -> ExportedCard:
    """Parse the card in a file's metadata.

    Args:
        path: the file, for the error message.
    Raises:
        RunError: the text is not a card.
    """
    try:
        return TypeAdapter(ExportedCard).validate_python(parse_json(text))
    except ValueError as error:
        reason = describe_error(error) if text else f"no metadata under the key {KEY!r}"
        raise RunError(
            f"{path}: its metadata hold no fxkit model card ({reason}); expected a file that `fxkit export` wrote"
        ) from error


def export_path(run_folder: Path, file_format: str) -> Path:
    """Return where a run keeps its own export."""
    return run_folder / "exported" / f"model{FORMATS[file_format]}"


def is_exported(path: Path) -> bool:
    """Tell by its extension whether a file is an exported model. TorchScript files of earlier versions count too."""
    return path.suffix.lower() in (*FORMATS.values(), TORCHSCRIPT_ENDING) and not path.is_dir()


def load_exported(path: str | Path) -> ExportedModel:
    """Load an exported model. The file's extension gives its format; nothing is unpickled.

    Raises:
        RunError: no such file, damaged, not written by fxkit, TorchScript, or the format's runtime is not installed.
    """
    path = Path(path)
    if path.suffix.lower() == TORCHSCRIPT_ENDING:
        raise RunError(
            f"{path}: TorchScript files (.pt) are no longer supported; export the run again as ONNX with `fxkit export`"
        )
    load = LOADERS.get(path.suffix.lower())
    if load is None:
        raise RunError(f"{path}: exported models end in {' or '.join(LOADERS)}; make one with `fxkit export`")
    if not path.is_file():
        raise RunError(f"{path}: no such file; make it with `fxkit export`")
    return load(path)


def model_hash(run_folder: Path) -> str:
    """Return the SHA-256 of a run's model.safetensors and model.json; an export with another hash is out of date.

    Raises:
        RunError: the run has no finished model.
    """
    try:
        parts = [(run_folder / name).read_bytes() for name in ("model.safetensors", "model.json")]
    except OSError as error:
        raise RunError(
            f"{run_folder}: no finished model ({Path(error.filename).name}: {error.strerror}); make one with "
            "`fxkit train`"
        ) from error
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def import_openvino(path: Path) -> Any:
    """Return the module openvino.

    Args:
        path: the file that needs it, for the error message.
    Raises:
        RunError: OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise RunError(f"{path}: OpenVINO is not installed; pip install 'fxkit[openvino]'") from error
    return openvino


def _load_onnx(path: Path) -> ExportedModel:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), onnx_options(), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _damaged(path, error) from error
    card = parse_card(session.get_modelmeta().custom_metadata_map.get(KEY, ""), path)
    return ExportedModel(card, lambda films: np.asarray(session.run([OUTPUT], {INPUT: films})[0]))


def onnx_options() -> Any:
    """Return the session options of ONNX Runtime: as many threads as OMP_NUM_THREADS says, and no log."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, too; warnings are about how the graph was optimised
    # ONNX Runtime ignores OMP_NUM_THREADS, and its idle threads would keep the other cores busy.
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        options.intra_op_num_threads = int(threads)
    return options


def _load_openvino(path: Path) -> ExportedModel:
    core = import_openvino(path).Core()
    try:
        model = core.read_model(path)
        text = str(model.get_rt_info(KEY).astype(str)) if model.has_rt_info(KEY) else ""
    except Exception as error:
        raise _damaged(path, error) from error
    card = parse_card(text, path)
    # Without this hint some processors would compute in 16 bits.
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return ExportedModel(card, lambda films: np.array(compiled(films)[0]))


def _damaged(path: Path, error: Exception) -> RunError:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return RunError(f"{path}: cannot be loaded ({reason}); make it again with `fxkit export`")


LOADERS: Mapping[str, Callable[[Path], ExportedModel]] = {".onnx": _load_onnx, ".xml": _load_openvino}
