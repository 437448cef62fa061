"""Installed packages, and the optional ones that some commands need.

A light install leaves out the optional packages; fxkit then explains which one a command needs.
"""

import re
from importlib.metadata import PackageNotFoundError, requires, version

# Import name -> package that a light install leaves out.
OPTIONAL = {
    "albumentations": "albumentations",
    "easyocr": "easyocr",
    "lightning": "lightning",
    "onnx": "onnxscript",
    "onnxscript": "onnxscript",
    "pytorch_grad_cam": "grad-cam",
    "tensorboard": "tensorboard",
    "timm": "timm",
    "torch": "torch",
    "torchmetrics": "lightning",
    "torchvision": "torchvision",
}

TRAINING = ("albumentations", "lightning", "tensorboard", "timm", "torch", "torchvision")

# Commands -> packages that they need and that a light install leaves out.
NEEDED_BY = {
    "train, search, markernet; evaluate, calibrate and ablate with a run": TRAINING,
    "cam with a run": ("albumentations", "grad-cam", "timm", "torch"),
    "export": ("onnxscript", "timm", "torch"),
    "predict with torch, push, pull": ("timm", "torch"),
    "clean-labels --detector easyocr": ("easyocr", "torch"),
}


def installed_version(package: str) -> str | None:
    """Return the version of an installed package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def requirements() -> dict[str, str]:
    """Return what fxkit requires without extras: package name -> requirement, such as ``timm<2,>=1.0.19``."""
    lines = [line for line in requires("fxkit") or () if "extra ==" not in line]
    return {name[0]: line for line in lines if (name := re.match(r"[A-Za-z0-9._-]+", line))}


def missing_by_command() -> dict[str, list[str]]:
    """Return the commands that cannot run in this installation, with the packages that are missing for each."""
    missing = {
        commands: [name for name in names if installed_version(name) is None] for commands, names in NEEDED_BY.items()
    }
    return {commands: names for commands, names in missing.items() if names}


def install_command() -> str:
    """Return the pip command that installs the packages that a light install left out."""
    missing = [line for name, line in requirements().items() if installed_version(name) is None]
    return "pip install " + " ".join(f"'{line}'" for line in missing)


def explain_missing(module: str | None) -> str | None:
    """Explain on one line that a command needs an optional package that is not installed.

    Args:
        module: name of the module that Python did not find.
    Returns:
        The explanation with the pip command; None if the module belongs to no missing optional package.
    """
    package = OPTIONAL.get((module or "").partition(".")[0])
    if package is None or installed_version(package) is not None:
        return None
    return f"this command needs {package}, which a light install leaves out; run: {install_command()}"
