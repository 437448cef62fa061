"""Say what is at hand and what is missing: versions, devices, models of the detectors, weights. Nothing is fetched."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from fxkit import __version__

State = Literal["ok", "missing", "problem"]


PACKAGES = (
    "click",
    "grad-cam",
    "jinja2",
    "joblib",
    "lightning",
    "matplotlib",
    "numpy",
    "pillow",
    "pydantic",
    "safetensors",
    "scikit-learn",
    "scipy",
    "timm",
)

ALBUMENTATIONS = "2.0.8"

MIN_MEMORY_GB, MIN_DISK_GB = 4.0, 5.0

TORCH_REMEDY = (
    "install both from one index: pip install --force-reinstall torch torchvision "
    "--index-url https://download.pytorch.org/whl/cpu (or the index of your CUDA)"
)

REINSTALL = "install fxkit again, in a new environment"


@dataclass(frozen=True)
class Finding:
    """One line of the examination; `missing` is optional and does no harm, a `problem` stops some command."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def examine() -> tuple[Finding, ...]:
    """Examine this machine and installation; nothing is downloaded, and no finding raises."""
    checks: tuple[Callable[[], Finding], ...] = (
        examine_python,
        examine_packages,
        examine_albumentations,
        examine_opencv,
        examine_torch,
        examine_devices,
        examine_processor,
        examine_memory,
        examine_disk,
        examine_markernet,
        examine_rapidocr,
        examine_easyocr,
        examine_weights,
        examine_dicom,
    )
    return tuple(_guarded(check) for check in checks)


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  a broken package raises anything, and the others are still of use
        name = check.__name__.removeprefix("examine_")
        return Finding(name, "problem", _one_line(error), REINSTALL)


def _one_line(error: object) -> str:
    kind = f"{type(error).__name__}: " if isinstance(error, Exception) else ""
    return kind + " ".join(str(error).split())[:200]


def examine_python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, fxkit {__version__}"
    return Finding("Python", "ok", found)


def examine_packages() -> Finding:
    """Look for the packages that have no line of their own."""
    found = {name: _version(name) for name in PACKAGES}
    lacking = [name for name, number in found.items() if number is None]
    if lacking:
        return Finding("packages", "problem", f"not installed: {', '.join(lacking)}", REINSTALL)
    return Finding("packages", "ok", ", ".join(f"{name} {number}" for name, number in found.items()))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def examine_albumentations() -> Finding:
    found = _version("albumentations")
    if found == ALBUMENTATIONS:
        return Finding("albumentations", "ok", found)
    remedy = f"pip install albumentations=={ALBUMENTATIONS}"
    if found is None:
        return Finding("albumentations", "problem", "not installed", remedy)
    return Finding("albumentations", "problem", f"{found}; fxkit is made for {ALBUMENTATIONS}", remedy)


def examine_opencv() -> Finding:
    """Look for a second OpenCV, whose files overwrite the first's."""
    names = ("opencv-python-headless", "opencv-contrib-python-headless", "opencv-python", "opencv-contrib-python")
    found = [f"{name} {number}" for name in names if (number := _version(name)) is not None]
    if len(found) == 1:
        importlib.import_module("cv2")
        return Finding("OpenCV", "ok", found[0])
    remedy = f"pip uninstall -y {' '.join(names)}; pip install --force-reinstall opencv-python-headless"
    if not found:
        return Finding("OpenCV", "problem", "not installed", remedy)
    return Finding("OpenCV", "problem", f"{' and '.join(found)} overwrite each other", remedy)


def examine_torch() -> Finding:
    """Import torch with torchvision: builds that do not match fail only there."""
    try:
        torch = importlib.import_module("torch")
        torchvision = importlib.import_module("torchvision")
        ops = importlib.import_module("torchvision.ops")
        ops.nms(torch.zeros((1, 4)), torch.zeros(1), 0.5)
    except ModuleNotFoundError as error:
        return Finding("torch", "problem", f"{error.name} is not installed", TORCH_REMEDY)
    except Exception as error:  # noqa: BLE001  RuntimeError, OSError, ImportError, by version and platform
        return Finding("torch", "problem", _explain_torch(error), TORCH_REMEDY)
    return Finding("torch", "ok", f"torch {torch.__version__}, torchvision {torchvision.__version__}")


def _explain_torch(error: Exception) -> str:
    text = _one_line(error)
    if "torchvision::nms" in text or "undefined symbol" in text or "partially initialized" in text:
        pair = f"torch {_version('torch')} and torchvision {_version('torchvision')}"
        return f"{pair} are builds that do not match ({text})"
    return text


def examine_devices() -> Finding:
    """Name the accelerators that training would use."""
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return Finding("devices", "ok", f"CUDA {torch.version.cuda}: {', '.join(names)}")
    if torch.backends.mps.is_available():
        return Finding("devices", "ok", "MPS (Apple)")
    if torch.version.cuda is None and shutil.which("nvidia-smi"):
        remedy = "take torch and torchvision from https://download.pytorch.org/whl/ for your CUDA"
        return Finding("devices", "missing", "an NVIDIA driver is there, but torch is built for CPUs only", remedy)
    return Finding("devices", "missing", "no CUDA or MPS device: training runs on the CPU")


def examine_processor() -> Finding:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("processor", "ok", f"{count} cores usable of {os.cpu_count()}")


def examine_memory() -> Finding:
    total = _memory_gb()
    if total is None:
        return Finding("memory", "missing", "size unknown on this system")
    if total < MIN_MEMORY_GB:
        remedy = "train with a smaller --batch-size and --workers 0"
        return Finding("memory", "missing", f"{total:.1f} GB; {MIN_MEMORY_GB:g} GB or more are of use", remedy)
    return Finding("memory", "ok", f"{total:.1f} GB")


def _memory_gb() -> float | None:
    """Memory of the machine, or of the container where that is less."""
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
        remedy = "free some space: cleaned films are lossless PNG, and a run holds its checkpoints"
        return Finding("disk", "missing", f"{free:.1f} GB free in this folder", remedy)
    return Finding("disk", "ok", f"{free:.0f} GB free in this folder")


def examine_markernet() -> Finding:
    """Load the network that finds markers by default; it comes with fxkit."""
    from preprocess.errors import DetectorError
    from preprocess.settings import NETWORK

    try:
        from preprocess.detectors.markernet import MarkerNetDetector

        MarkerNetDetector()
    except (ImportError, DetectorError) as error:
        return Finding("markernet", "problem", _one_line(error), "pip install --force-reinstall onnxruntime fxkit")
    return Finding("markernet", "ok", f"{NETWORK.stat().st_size / 1e6:.1f} MB, offline: the default detector")


def examine_rapidocr() -> Finding:
    """List the models that came inside the wheel: it reads what markernet finds, and works offline."""
    if _version("rapidocr") is None:
        return Finding("rapidocr", "problem", "not installed; it reads the markers", "pip install 'rapidocr>=3.10'")
    try:
        importlib.import_module("onnxruntime")
    except ImportError as error:
        return Finding("rapidocr", "problem", _one_line(error), "pip install --force-reinstall onnxruntime")
    found = sorted(path.name for path in _package_folder("rapidocr").glob("models/*.onnx"))
    if not any("det" in name for name in found):
        remedy = "pip install --force-reinstall 'rapidocr>=3.10' (its wheel holds the models)"
        return Finding("rapidocr", "problem", f"no detection model among {', '.join(found) or 'no models'}", remedy)
    return Finding("rapidocr", "ok", f"{_version('rapidocr')}, offline: {', '.join(found)}")


def _package_folder(name: str) -> Path:
    """Where a package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return Path(spec.origin).parent


def examine_easyocr() -> Finding:
    """Look for the two files that the other detector needs, where it looks for them."""
    from preprocess.detectors.easy import FILES, SOURCE, usual_folder

    if _version("easyocr") is None:
        return Finding("easyocr", "problem", "not installed", "pip install easyocr")
    folder = usual_folder()
    lacking = [name for name in FILES if not (folder / name).is_file()]
    if lacking:
        remedy = f"unpack them there from {SOURCE}, or give --easyocr-models DIR; rapidocr needs none"
        return Finding("easyocr", "missing", f"{folder} lacks {' and '.join(lacking)}", remedy)
    return Finding("easyocr", "ok", f"{_version('easyocr')}, {', '.join(FILES)} in {folder}")


def hub_folder() -> Path:
    """Return the folder in which weights from the Hugging Face hub are kept."""
    if "HF_HUB_CACHE" in os.environ:
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    if "HF_HOME" in os.environ:
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "huggingface" / "hub"


def examine_weights() -> Finding:
    """List the timm backbones whose weights are kept here: these train from ImageNet weights offline."""
    found = sorted(set(_kept_backbones(hub_folder())))
    if found:
        shown = ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
        return Finding("weights", "ok", f"offline: {shown}")
    remedy = "train once with network access, or give --weights FILE, or --no-pretrained"
    return Finding("weights", "missing", f"no timm weights in {hub_folder()}", remedy)


def _kept_backbones(folder: Path) -> Iterator[str]:
    for entry in folder.glob("models--timm--*"):
        if any(entry.glob("snapshots/*/*.safetensors")) or any(entry.glob("snapshots/*/*.bin")):
            yield entry.name.removeprefix("models--timm--")


def examine_dicom() -> Finding:
    """Look for the extra that reads DICOM, and for what decodes its compressed forms."""
    names = ("pydicom", "python-gdcm", "pyjpegls", "pylibjpeg")
    found = [f"{name} {number}" for name in names if (number := _version(name)) is not None]
    remedy = "pip install 'fxkit[dicom]'"
    if _version("pydicom") is None:
        return Finding("DICOM", "missing", "not installed; PNG, JPEG, TIFF, BMP and WebP are read without it", remedy)
    if len(found) == 1:
        return Finding("DICOM", "missing", f"{found[0]} without decoders: compressed films are refused", remedy)
    return Finding("DICOM", "ok", ", ".join(found))
