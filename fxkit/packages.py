"""Which packages are missing, and which commands need them. A light install leaves out what trains and predicts."""

import re
from importlib.metadata import PackageNotFoundError, requires, version

# Packages that only some commands need, by the name under which they are imported.
TRAINING = {
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "lightning": "lightning",
    "torchmetrics": "lightning",
    "albumentations": "albumentations",
    "tensorboard": "tensorboard",
}
EXPLAINING = {"pytorch_grad_cam": "grad-cam"}
EXPORTING = {"onnxscript": "onnxscript", "onnx": "onnxscript"}
READING = {"easyocr": "easyocr"}

OPTIONAL = TRAINING | EXPLAINING | EXPORTING | READING

# What needs which packages: one line each in `fxkit doctor`.
NEEDS: dict[str, tuple[str, ...]] = {
    "train, search, evaluate, calibrate, ablate, push, pull, markernet": tuple(dict.fromkeys(TRAINING.values())),
    "cam": (*dict.fromkeys(TRAINING.values()), "grad-cam"),
    "export, and predict from a run folder without an exported file": ("torch", "timm", "onnxscript"),
    "clean-labels --detector easyocr": ("easyocr",),
}


def installed_version(package: str) -> str | None:
    """Return the version of an installed package, None where it is missing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def missing_requirements() -> list[str]:
    """Return fxkit's own requirements that are not installed, such as ``timm<2,>=1.0.19``; extras do not count."""
    required = [line for line in requires("fxkit") or () if "extra ==" not in line]
    names = {line: re.match(r"[A-Za-z0-9._-]+", line) for line in required}
    return [line for line, name in names.items() if name and installed_version(name[0]) is None]


def install_command() -> str:
    """Return the pip command that completes the install."""
    return "pip install " + " ".join(f"'{line}'" for line in missing_requirements())


def explain_missing(module: str | None) -> str | None:
    """Return a line for the user when an optional package could not be imported.

    Args:
        module: name of the module that Python did not find.
    Returns:
        What is missing and how to install it; None where the module is not one of the optional packages.
    """
    package = OPTIONAL.get((module or "").partition(".")[0])
    if package is None:
        return None
    return f"this command needs {package}, which a light install leaves out; complete it with: {install_command()}"
