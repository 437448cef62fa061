"""Exported models: one file that holds the whole network and how to use it. Running one needs no torch and no timm."""

import hashlib
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Preprocessing, preprocessing_from
from fxkit.errors import RunError

KEY = "fxkit"  # of the card in a file's metadata

INPUT, OUTPUT = "films", "probabilities"

FORMATS = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".pt"}

SCRIPT_CARD = "fxkit.json"  # of TorchScript, whose metadata are files in its archive


Films = NDArray[np.uint8]

Run = Callable[[Films], NDArray[np.float32]]


RULES = {
    "input": f"{INPUT}: (N, 1, S, S) uint8, grey films at the network's size, bright bone",
    "output": f"{OUTPUT}: (N, C) float32, in the order of classes; mean, std, temperature and softmax are inside",
    "resize": "stretch: to (S, S); pad: longer side to S, black on all sides. Areas are averaged where both sides "
    "shrink, else interpolated linearly. S is preprocessing.image_size",
    "decision": "of two classes the second where its probability is at least threshold; of more, the likeliest",
}


@dataclass(frozen=True)
class ExportedCard:
    """What an exported file says of itself."""

    classes: tuple[str, ...]  # in the order of the probabilities; of two, the second is the positive one
    preprocessing: Preprocessing
    cleaning: Mapping[str, Any] | None  # the settings of clean-labels, where it was trained on cleaned images
    threshold: float  # on the positive class's probability
    temperature: float  # by which the logits are divided, inside the network
    backbone: str  # timm's name
    stamp: str  # the line that all the run's figures bear; "" where its split does not leak
    source: str  # see `source_of`
    fxkit: str  # version that made it


@dataclass(frozen=True)
class Exported:
    """An exported model on the processor."""

    card: ExportedCard
    run: Run

    def probabilities(self, films: Films) -> NDArray[np.float64]:
        """Return (N, C) probabilities of (N, S, S) films at the network's size."""
        return np.asarray(self.run(np.ascontiguousarray(films[:, None])), np.float64)


def card_text(card: ExportedCard) -> str:
    """Return the card as the JSON that stands in a file's metadata, with the rules of use in words."""
    return json.dumps(asdict(card) | {"rules": RULES}, indent=1)


def card_from(text: str, path: Path) -> ExportedCard:
    """Read a card from a file's metadata.

    Raises:
        RunError: it is no card.
    """
    try:
        values = json.loads(text)
        return ExportedCard(
            classes=tuple(map(str, values["classes"])),
            preprocessing=preprocessing_from(values["preprocessing"]),
            cleaning=values["cleaning"],
            threshold=float(values["threshold"]),
            temperature=float(values["temperature"]),
            backbone=str(values["backbone"]),
            stamp=str(values["stamp"]),
            source=str(values["source"]),
            fxkit=str(values["fxkit"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if text else "nothing under the key 'fxkit'"
        raise RunError(
            f"{path}: its metadata are no model card of fxkit ({reason}); make the file with `fxkit export`"
        ) from error


def load_exported(path: str | Path) -> Exported:
    """Load an exported model by its ending; nothing is unpickled.

    A TorchScript file is a program all the same: load only those whose maker you trust.

    Raises:
        RunError: no such file, damaged, not made by fxkit, or its runtime is not installed.
    """
    path = Path(path)
    load = LOADERS.get(path.suffix.lower())
    if load is None:
        raise RunError(f"{path}: an exported model ends in {', '.join(LOADERS)}; make one with `fxkit export`")
    if not path.is_file():
        raise RunError(f"{path}: no such file; make it with `fxkit export`")
    return load(path)


def source_of(run_folder: Path) -> str:
    """Return the SHA-256 of a run's model, weights and description: an export of another is out of date.

    Raises:
        RunError: there is no finished model.
    """
    try:
        parts = [(run_folder / name).read_bytes() for name in ("model.safetensors", "model.json")]
    except OSError as error:
        raise RunError(
            f"{run_folder}: no finished model ({Path(error.filename).name}: {error.strerror}); make one with "
            "`fxkit train`"
        ) from error
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _load_onnx(path: Path) -> Exported:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), _onnx_options(), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _damaged(path, error) from error
    card = card_from(session.get_modelmeta().custom_metadata_map.get(KEY, ""), path)
    return Exported(card, lambda films: np.asarray(session.run([OUTPUT], {INPUT: films})[0]))


def _onnx_options() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone: warnings speak of how the graph was simplified
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():  # torch heeds it, this runtime does not: its waiting threads would keep other cores busy
        options.intra_op_num_threads = int(threads)
    return options


def _load_openvino(path: Path) -> Exported:
    core = openvino_of(path).Core()
    try:
        model = core.read_model(path)
        text = str(model.get_rt_info(KEY).astype(str)) if model.has_rt_info(KEY) else ""
    except Exception as error:
        raise _damaged(path, error) from error
    card = card_from(text, path)
    # Some processors would else compute in 16 bits.
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return Exported(card, lambda films: np.array(compiled(films)[0]))


def openvino_of(path: Path) -> Any:
    """Return the module openvino.

    Raises:
        RunError: it is not installed; `path` opens the text.
    """
    try:
        import openvino
    except ImportError as error:
        raise RunError(f"{path}: OpenVINO is not installed; pip install 'fxkit[openvino]'") from error
    return openvino


def _load_torchscript(path: Path) -> Exported:
    card = card_from(_script_card(path), path)  # before anything of the file runs
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch recommends torch.export, which needs Python to run
            network: Any = cast(Any, torch.jit).load(path, map_location="cpu")
    except Exception as error:
        raise _damaged(path, error) from error

    def run(films: Films) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(films)).numpy(), np.float32)

    return Exported(card, run)


def _script_card(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(f"/extra/{SCRIPT_CARD}")]
            return archive.read(names[0]).decode() if names else ""
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RunError:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return RunError(f"{path}: cannot be loaded ({reason}); make it again with `fxkit export`")


LOADERS: Mapping[str, Callable[[Path], Exported]] = {
    ".onnx": _load_onnx,
    ".xml": _load_openvino,
    ".pt": _load_torchscript,
}
