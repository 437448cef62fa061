"""Check the installation: package versions, devices, detector models and weights. Nothing is downloaded."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fxkit import __version__
from fxkit.packages import OPTIONAL, install_command, installed_version, missing_by_command, requirements
from preprocess.words import amount

State = Literal["ok", "missing", "problem"]


ALBUMENTATIONS = "2.0.8"

MIN_MEMORY_GB, MIN_DISK_GB = 4.0, 5.0

TORCH_REMEDY = (
    "install both from the same index: pip install --force-reinstall torch torchvision "
    "--index-url https://download.pytorch.org/whl/cpu (or the index for your CUDA version)"
)

REINSTALL = "install fxkit again in a new environment"


@dataclass(frozen=True)
class Finding:
    """The result of one check. `missing`: an optional part is absent. `problem`: at least one command will fail."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def examine() -> tuple[Finding, ...]:
    """Run every check on this machine and installation. A check that raises becomes a `problem`."""
    checks: tuple[Callable[[], Finding], ...] = (
        examine_python,
        examine_packages,
        examine_training_packages,
        *((examine_albumentations, examine_torch, examine_devices) if installed_version("torch") else ()),
        examine_opencv,
        examine_processor,
        examine_memory,
        examine_disk,
        examine_markernet,
        examine_rapidocr,
        examine_easyocr,
        examine_weights,
        examine_dicom,
    )
    return tuple(_run_check(check) for check in checks)


def _run_check(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  a broken package may raise anything; the other checks still run
        name = check.__name__.removeprefix("examine_")
        return Finding(name, "problem", _one_line(error), REINSTALL)


def _one_line(error: object) -> str:
    kind = f"{type(error).__name__}: " if isinstance(error, Exception) else ""
    return kind + " ".join(str(error).split())[:200]


def examine_python() -> Finding:
    system = f"{platform.system()} {platform.machine()}"
    return Finding("Python", "ok", f"{platform.python_version()} on {system}, fxkit {__version__}")


def examine_packages() -> Finding:
    """Check the packages that every install needs."""
    versions = {name: installed_version(name) for name in requirements() if name not in OPTIONAL.values()}
    missing = [name for name, number in versions.items() if number is None]
    if missing:
        return Finding("packages", "problem", f"not installed: {', '.join(missing)}", REINSTALL)
    return Finding("packages", "ok", ", ".join(f"{name} {number}" for name, number in versions.items()))


def examine_training_packages() -> Finding:
    """Check the packages that a light install leaves out, and name the commands that need them."""
    missing = missing_by_command()
    if not missing:
        return Finding("training", "ok", "all packages of the full install are present")
    detail = "; ".join(f"{commands}: {', '.join(names)}" for commands, names in missing.items())
    return Finding(
        "training", "missing", f"light install, so these commands lack packages: {detail}", install_command()
    )


def examine_albumentations() -> Finding:
    """Check for the one supported version: the last one under the MIT licence."""
    installed = installed_version("albumentations")
    if installed == ALBUMENTATIONS:
        return Finding("albumentations", "ok", installed)
    remedy = f"pip install albumentations=={ALBUMENTATIONS}"
    if installed is None:
        return Finding("albumentations", "problem", "not installed", remedy)
    return Finding("albumentations", "problem", f"{installed}; fxkit needs {ALBUMENTATIONS}", remedy)


def examine_opencv() -> Finding:
    """Check that exactly one OpenCV package is installed: two overwrite each other's files."""
    names = ("opencv-python-headless", "opencv-contrib-python-headless", "opencv-python", "opencv-contrib-python")
    installed = [f"{name} {number}" for name in names if (number := installed_version(name)) is not None]
    if len(installed) == 1:
        importlib.import_module("cv2")
        return Finding("OpenCV", "ok", installed[0])
    remedy = f"pip uninstall -y {' '.join(names)}; pip install --force-reinstall opencv-python-headless"
    if not installed:
        return Finding("OpenCV", "problem", "not installed", remedy)
    return Finding("OpenCV", "problem", f"{' and '.join(installed)} overwrite each other", remedy)


def examine_torch() -> Finding:
    """Import torch and torchvision and call one operator: builds that do not match fail only then."""
    try:
        torch = importlib.import_module("torch")
        torchvision = importlib.import_module("torchvision")
        ops = importlib.import_module("torchvision.ops")
        ops.nms(torch.zeros((1, 4)), torch.zeros(1), 0.5)
    except ModuleNotFoundError as error:
        return Finding("torch", "problem", f"{error.name} is not installed", TORCH_REMEDY)
    except Exception as error:  # noqa: BLE001  the type depends on version and platform
        return Finding("torch", "problem", _explain_torch(error), TORCH_REMEDY)
    return Finding("torch", "ok", f"torch {torch.__version__}, torchvision {torchvision.__version__}")


def _explain_torch(error: Exception) -> str:
    text = _one_line(error)
    if "torchvision::nms" in text or "undefined symbol" in text or "partially initialized" in text:
        pair = f"torch {installed_version('torch')} and torchvision {installed_version('torchvision')}"
        return f"{pair} are builds that do not match ({text})"
    return text


def examine_devices() -> Finding:
    """List the accelerators that training would use."""
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return Finding("devices", "ok", f"CUDA {torch.version.cuda}: {', '.join(names)}")
    if torch.backends.mps.is_available():
        return Finding("devices", "ok", "MPS (Apple)")
    if torch.version.cuda is None and shutil.which("nvidia-smi"):
        remedy = "install torch and torchvision for your CUDA version from https://download.pytorch.org/whl/"
        return Finding("devices", "missing", "an NVIDIA driver is installed, but torch is built for CPUs only", remedy)
    return Finding("devices", "missing", "no CUDA or MPS device: training runs on the CPU")


def examine_processor() -> Finding:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("processor", "ok", f"{count} of {amount(os.cpu_count() or 1, 'core')} usable")


def examine_memory() -> Finding:
    total = _memory_gb()
    if total is None:
        return Finding("memory", "missing", "size unknown on this system")
    if total < MIN_MEMORY_GB:
        remedy = "train with a smaller --batch-size and --workers 0"
        return Finding("memory", "missing", f"{total:.1f} GB; {MIN_MEMORY_GB:g} GB or more recommended", remedy)
    return Finding("memory", "ok", f"{total:.1f} GB")


def _memory_gb() -> float | None:
    """Return the memory limit of the machine or of its container, whichever is lower; None if unknown."""
    limits: list[int] = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = Path(path).read_text().strip() if Path(path).is_file() else ""
        limits += [int(text)] if text.isdecimal() else []
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    elif sys.platform == "darwin":
        limits.append(int(subprocess.run(["sysctl", "-n", "hw.memsize"], capture_output=True, check=True).stdout))
    return min(limits) / 1e9 if limits else None


def examine_disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < MIN_DISK_GB:
        remedy = "free some space: cleaned films are lossless PNG files, and each run keeps its checkpoints"
        return Finding("disk", "missing", f"{free:.1f} GB free in the current folder", remedy)
    return Finding("disk", "ok", f"{free:.0f} GB free in the current folder")


def examine_markernet() -> Finding:
    """Load the default marker detector, which is part of fxkit."""
    from preprocess.errors import DetectorError
    from preprocess.settings import NETWORK

    try:
        from preprocess.detectors.markernet import MarkerNetDetector

        MarkerNetDetector()
    except (ImportError, DetectorError) as error:
        return Finding("markernet", "problem", _one_line(error), "pip install --force-reinstall onnxruntime fxkit")
    return Finding("markernet", "ok", f"default detector, {NETWORK.stat().st_size / 1e6:.1f} MB, works offline")


def examine_rapidocr() -> Finding:
    """List the models in rapidocr's wheel. It reads the text of the markers that markernet finds, and works offline."""
    if installed_version("rapidocr") is None:
        return Finding(
            "rapidocr", "problem", "not installed; it reads the text of markers", "pip install 'rapidocr>=3.10'"
        )
    try:
        importlib.import_module("onnxruntime")
    except ImportError as error:
        return Finding("rapidocr", "problem", _one_line(error), "pip install --force-reinstall onnxruntime")
    models = sorted(path.name for path in _package_folder("rapidocr").glob("models/*.onnx"))
    if not any("det" in name for name in models):
        remedy = "pip install --force-reinstall 'rapidocr>=3.10' (the models are part of its wheel)"
        detail = f"no detection model among its models ({', '.join(models) or 'none'})"
        return Finding("rapidocr", "problem", detail, remedy)
    return Finding("rapidocr", "ok", f"{installed_version('rapidocr')}, works offline: {', '.join(models)}")


def _package_folder(name: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return Path(spec.origin).parent


def examine_easyocr() -> Finding:
    """Check the two model files of the optional EasyOCR detector, in the folder where EasyOCR reads them."""
    from preprocess.detectors.easy import FILES, SOURCE, default_folder

    if installed_version("easyocr") is None:
        return Finding("easyocr", "missing", "not installed", "pip install easyocr")
    folder = default_folder()
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        remedy = f"unpack them there from {SOURCE}, or give --easyocr-models DIR; rapidocr needs no such files"
        return Finding("easyocr", "missing", f"{' and '.join(missing)} not in {folder}", remedy)
    return Finding("easyocr", "ok", f"{installed_version('easyocr')}, {', '.join(FILES)} in {folder}")


def hub_folder() -> Path:
    """Return the folder where huggingface_hub caches downloaded weights."""
    if "HF_HUB_CACHE" in os.environ:
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    if "HF_HOME" in os.environ:
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "huggingface" / "hub"


def examine_weights() -> Finding:
    """List the timm backbones with cached weights: only these can start from ImageNet weights offline."""
    backbones = sorted(set(_cached_backbones(hub_folder())))
    if backbones:
        more = f" and {len(backbones) - 12} more" if len(backbones) > 12 else ""
        return Finding("weights", "ok", f"available offline: {', '.join(backbones[:12])}{more}")
    remedy = "train once with network access, or give --weights FILE or --no-pretrained"
    return Finding("weights", "missing", f"no timm weights in {hub_folder()}", remedy)


def _cached_backbones(folder: Path) -> Iterator[str]:
    for entry in folder.glob("models--timm--*"):
        if any(entry.glob("snapshots/*/*.safetensors")) or any(entry.glob("snapshots/*/*.bin")):
            yield entry.name.removeprefix("models--timm--")


def examine_dicom() -> Finding:
    """Check for pydicom and for the decoders of compressed DICOM files."""
    names = ("pydicom", "python-gdcm", "pyjpegls", "pylibjpeg")
    installed = [f"{name} {number}" for name in names if (number := installed_version(name)) is not None]
    remedy = "pip install 'fxkit[dicom]'"
    if installed_version("pydicom") is None:
        return Finding("DICOM", "missing", "not installed; PNG, JPEG, TIFF, BMP and WebP work without it", remedy)
    if len(installed) == 1:
        return Finding(
            "DICOM", "missing", f"{installed[0]} without decoders: compressed DICOM files are refused", remedy
        )
    return Finding("DICOM", "ok", ", ".join(installed))
