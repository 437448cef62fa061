"""What a result may depend on besides its settings: packages, platform and the commit of fxkit."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fxkit import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "lightning",
    "albumentations",
    "opencv-python-headless",
    "numpy",
    "pillow",
)


def describe_environment() -> dict[str, Any]:
    """Return what a result may depend on: package versions, the platform and the commit of fxkit."""
    return {
        "fxkit": __version__,
        "commit": _commit(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of fxkit's checkout, with "-dirty" if files were changed; None if installed from a wheel."""
    top = Path(__file__).parents[2]
    if not (top / ".git").exists():
        return None
    try:
        result = subprocess.run(
            ["git", "-C", str(top), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
