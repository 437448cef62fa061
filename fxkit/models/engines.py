"""Which engine runs a model: torch, or an exported file in ONNX Runtime or OpenVINO. Loads torch only where it runs."""

import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fxkit.errors import ConfigError
from fxkit.models.exported import FORMATS, Exported, load_exported, source_of
from fxkit.models.predict_images import Network
from preprocess.errors import KnownError

ENGINES = ("auto", "torch", "onnx", "openvino")

PAYS_FROM = 1000  # films; for fewer, making an export takes longer than it saves (benchmarks/inference.py)


@dataclass(frozen=True)
class Opened:
    network: Network
    note: str = ""  # what the user should know of the choice


def open_network(model: str | Path, *, engine: str = "auto", device: str = "auto", films: int = 1) -> Opened:
    """Open a run folder, or an exported file by its ending.

    For a run folder, auto takes torch on an accelerator; on the processor the run's own export where there is one,
    the faster OpenVINO's before ONNX's, which is made first where PAYS_FROM films or more are to be predicted, and
    else torch. The other engines make the export where it is missing or older than the model.

    Args:
        films: how many are going to be predicted.
    Raises:
        RunError: no model there, or it cannot be exported.
        ConfigError: the device is not at hand, or the engine cannot use it.
    """
    path = Path(model)
    if path.suffix.lower() in FORMATS.values() and not path.is_dir():
        _check_engine(path, engine, device)
        return Opened(load_exported(path))
    if engine in FORMATS:
        if device not in ("auto", "cpu"):
            raise ConfigError(f"--device {device}: {engine} runs on the processor here; give --engine torch")
        return Opened(_exported(path, engine))
    on_processor = device == "cpu" or (device == "auto" and not has_accelerator())
    if engine == "auto" and on_processor:
        return _open_auto(path, films)
    return Opened(_torch(path, device))


def has_accelerator() -> bool:
    """Tell whether torch may find a GPU, without loading it."""
    return sys.platform == "darwin" or shutil.which("nvidia-smi") is not None or Path("/dev/kfd").exists()


def fresh_export(run_folder: Path, form: str) -> Exported | None:
    """Return the run's own export in this form; None where there is none, or an older model's."""
    file = run_folder / "exported" / f"model{FORMATS[form]}"
    if not file.is_file():
        return None
    found = load_exported(file)
    return found if found.card.source == source_of(run_folder) else None


def _check_engine(path: Path, engine: str, device: str) -> None:
    own = {ending: form for form, ending in FORMATS.items()}[path.suffix.lower()]
    if engine not in ("auto", own) and (engine, own) != ("torch", "torchscript"):
        raise ConfigError(f"--engine {engine}: {path} runs in {own} alone; leave --engine out")
    if device not in ("auto", "cpu"):
        raise ConfigError(f"--device {device}: {path} runs on the processor; give the run folder instead")


def _open_auto(folder: Path, films: int) -> Opened:
    forms = ["openvino", "onnx"] if find_spec("openvino") else ["onnx"]  # in the order of their speed
    try:
        found = next(filter(None, (fresh_export(folder, form) for form in forms)), None)
        if found is None and films >= PAYS_FROM:
            found = _exported(folder, forms[0])
    except KnownError as error:
        if not (folder / "model.safetensors").is_file():
            raise
        return Opened(_torch(folder, "cpu"), f"torch predicts, since the export cannot be used: {error}")
    return Opened(found) if found is not None else Opened(_torch(folder, "cpu"))


def _exported(folder: Path, form: str) -> Exported:
    found = fresh_export(folder, form)
    if found is not None:
        return found
    from fxkit.models.export import export_model

    return load_exported(export_model(folder, form).path)


def _torch(folder: Path, device: str) -> Network:
    from fxkit.models.predict_records import TorchNetwork, choose_device
    from fxkit.models.saved import load_model

    return TorchNetwork(load_model(folder), choose_device(device))
