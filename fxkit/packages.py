"""Which packages are installed, and which commands need those that a light install leaves out."""

import re
from importlib.metadata import PackageNotFoundError, requires, version

# Packages that a light install leaves out, by the name under which Python imports them.
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

# Commands, and the packages that they need beyond a light install.
NEEDED_BY = {
    "train, search, ablate, evaluate, calibrate, markernet": TRAINING,
    "cam": ("albumentations", "grad-cam", "timm", "torch"),
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
    """Return the packages that fxkit requires, without extras, each with its version range: ``timm<2,>=1.0.19``."""
    lines = [line for line in requires("fxkit") or () if "extra ==" not in line]
    return {name[0]: line for line in lines if (name := re.match(r"[A-Za-z0-9._-]+", line))}


def missing_by_command() -> dict[str, list[str]]:
    """Return the commands that cannot run in this installation, each with the packages that it lacks."""
    missing = {
        commands: [name for name in names if installed_version(name) is None] for commands, names in NEEDED_BY.items()
    }
    return {commands: names for commands, names in missing.items() if names}


def install_command() -> str:
    """Return the pip command that installs everything that a light install left out."""
    missing = [line for name, line in requirements().items() if installed_version(name) is None]
    return "pip install " + " ".join(f"'{line}'" for line in missing)


def explain_missing(module: str | None) -> str | None:
    """Explain on one line that a module could not be imported because the install is light.

    Args:
        module: name of the module that Python did not find.
    Returns:
        The package and the pip command; None if a light install does not explain the error.
    """
    package = OPTIONAL.get((module or "").partition(".")[0])
    if package is None or installed_version(package) is not None:
        return None
    return f"this command needs {package}, which a light install leaves out; run: {install_command()}"
