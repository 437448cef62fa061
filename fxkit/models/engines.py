"""Choose what runs a model: torch, or an exported file in ONNX Runtime or OpenVINO. Imports torch only to run it."""

import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fxkit.errors import ConfigError
from fxkit.models.exported import FORMATS, ExportedModel, export_path, is_exported, load_exported, model_hash
from fxkit.models.predict_images import Network
from preprocess.errors import KnownError

ENGINES = ("auto", "torch", "onnx", "openvino")

MIN_FILMS_FOR_EXPORT = 1000  # for fewer, writing an export takes longer than it saves (benchmarks/inference.py)


@dataclass(frozen=True)
class OpenedNetwork:
    """A network that is ready to predict."""

    network: Network
    note: str = ""  # why another engine than expected was chosen; else ""


def open_network(model: str | Path, *, engine: str = "auto", device: str = "auto", films: int = 1) -> OpenedNetwork:
    """Open a run folder, or an exported file.

    For a run folder, the engine auto means torch on a GPU. On the CPU it means the run's own export if there is one,
    OpenVINO before ONNX because it is faster. Without an export, one is written first if there are at least
    MIN_FILMS_FOR_EXPORT films; otherwise torch predicts them. The engines onnx and openvino write the export if it is
    missing or older than the model.

    Args:
        films: number of films that will be predicted.
    Raises:
        RunError: no model there, or it cannot be exported.
        ConfigError: the device is not available, or the engine cannot use it.
    """
    path = Path(model)
    if is_exported(path):
        exported = load_exported(path)
        _check_options(path, engine, device)
        return OpenedNetwork(exported)
    if engine in FORMATS:
        if device not in ("auto", "cpu"):
            raise ConfigError(f"--device {device}: {engine} runs on the CPU only; use --engine torch")
        return OpenedNetwork(_load_or_write_export(path, engine))
    on_cpu = device == "cpu" or (device == "auto" and not has_accelerator())
    if engine == "auto" and on_cpu:
        return _open_on_cpu(path, films)
    return OpenedNetwork(_open_in_torch(path, device))


def has_accelerator() -> bool:
    """Tell whether torch is likely to find a GPU, without importing torch."""
    return sys.platform == "darwin" or shutil.which("nvidia-smi") is not None or Path("/dev/kfd").exists()


def load_current_export(run_folder: Path, file_format: str) -> ExportedModel | None:
    """Load a run's own export in this format; None if there is none, or if it was made from an older model."""
    file = export_path(run_folder, file_format)
    if not file.is_file():
        return None
    exported = load_exported(file)
    return exported if exported.card.source == model_hash(run_folder) else None


def _check_options(path: Path, engine: str, device: str) -> None:
    file_format = {ending: name for name, ending in FORMATS.items()}[path.suffix.lower()]
    if engine not in ("auto", file_format):
        raise ConfigError(f"--engine {engine}: {path} runs in {file_format} only; leave out --engine")
    if device not in ("auto", "cpu"):
        raise ConfigError(f"--device {device}: {path} runs on the CPU only; give the run folder instead")


def _open_on_cpu(folder: Path, films: int) -> OpenedNetwork:
    formats = ["openvino", "onnx"] if find_spec("openvino") else ["onnx"]  # fastest first
    try:
        exported = next(filter(None, (load_current_export(folder, name) for name in formats)), None)
        if exported is None and films >= MIN_FILMS_FOR_EXPORT:
            exported = _load_or_write_export(folder, formats[0])
    except KnownError as error:
        if not (folder / "model.safetensors").is_file():
            raise
        return OpenedNetwork(_open_in_torch(folder, "cpu"), f"using torch, because the export failed: {error}")
    return OpenedNetwork(exported if exported is not None else _open_in_torch(folder, "cpu"))


def _load_or_write_export(folder: Path, file_format: str) -> ExportedModel:
    exported = load_current_export(folder, file_format)
    if exported is not None:
        return exported
    from fxkit.models.export import export_model

    return load_exported(export_model(folder, file_format).path)


def _open_in_torch(folder: Path, device: str) -> Network:
    from fxkit.models.predict_records import TorchNetwork, choose_device
    from fxkit.models.saved import load_model

    return TorchNetwork(load_model(folder), choose_device(device))
