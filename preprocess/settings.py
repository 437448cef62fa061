"""The settings of cleaning, and the clean.json that a cleaned folder keeps of them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from preprocess.errors import KnownError, OutputError

SETTINGS_FILE = "clean.json"

DETECTORS = ("markernet", "rapidocr", "easyocr", "union")

NETWORK = Path(__file__).parent / "detectors" / "markernet.onnx"  # the marker network that comes with the package

MODES = ("inpaint", "fill", "noise", "box")


@dataclass(frozen=True)
class CleanSettings:
    """All that decides what cleaning makes of an image.

    Args:
        detector: markernet (the project's network), rapidocr or easyocr (OCR), or union (markernet and rapidocr).
        weights: ONNX file of a marker network tuned to a site; empty for the one that comes with the package.
        read_text: read what markernet finds; the ledger, `keep` and `only` need it.
        min_confidence: below it a find is no marker.
        side_px: longest side of the copy in which OCR looks for text; more finds smaller print, in more time.
        enlarge: times by which small images are enlarged at most for that.
        turns: quarter turns at which OCR looks for text, 1 to 4.
        find_mirrored: look for text in mirrored views too (mirrored text is read in any case).
        label_boxes: a filled box around text belongs to its marker.
        grow_fraction: share of a marker's shorter side by which its mask reaches beyond it.
        grow_px: pixels by which it does so at least, on a film of 1,000 px.
        mode: inpaint (as if the marker had never been there), fill (flat, the median around it), noise (mean and
            variance of what is around it) or box (black).
        keep: markers whose text matches this regular expression stay; empty: none.
        only: only markers whose text matches it are erased; empty: all.
        plates: erase the plates of lead letters too.
        max_fraction: a film of which a larger share would be erased is refused.
    """

    detector: str = "markernet"
    weights: str = ""
    read_text: bool = True
    min_confidence: float = 0.4
    side_px: int = 640
    enlarge: float = 3.0
    turns: int = 4
    find_mirrored: bool = False
    label_boxes: bool = True
    grow_fraction: float = 0.1
    grow_px: float = 3.0
    mode: str = "inpaint"
    keep: str = ""
    only: str = ""
    plates: bool = True
    max_fraction: float = 0.25

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            whole = type(value) is int and kind is float
            if type(value) is not kind and not whole:
                raise ValueError(f"clean.{field.name} is {value!r}; expected {kind.__name__}")
        _check(self)


def _check(settings: CleanSettings) -> None:
    limits = {
        "min_confidence": (0, 1),
        "side_px": (32, 4096),
        "enlarge": (1, 16),
        "turns": (1, 4),
        "grow_fraction": (0, 2),
        "grow_px": (0, 100),
        "max_fraction": (0, 1),
    }
    for name, (low, high) in limits.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise ValueError(f"clean.{name} is {value}; expected {low} to {high}")
    if settings.detector not in DETECTORS:
        raise ValueError(f"clean.detector is {settings.detector!r}; expected {', '.join(DETECTORS)}")
    if settings.mode not in MODES:
        raise ValueError(f"clean.mode is {settings.mode!r}; expected {', '.join(MODES)}")
    for name in ("keep", "only"):
        _check_pattern(name, getattr(settings, name))
        if getattr(settings, name) and settings.detector == "markernet" and not settings.read_text:
            raise ValueError(f"clean.{name} needs the text of markers, which is not read; leave read_text on")


def _check_pattern(name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"clean.{name} is {pattern!r}, no regular expression ({error}); write a plain text such as 'R', or "
            "put a backslash before each sign that stands for itself"
        ) from error


def settings_from(values: Mapping[str, Any], where: str) -> CleanSettings:
    """Build settings from a mapping; what is not named keeps its default.

    Raises:
        KnownError: a name is unknown, or a value is not allowed; `where` opens its text.
    """
    known = [field.name for field in fields(CleanSettings)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise KnownError(f"{where}: unknown setting {unknown[0]!r}; expected one of {', '.join(known)}")
    try:
        return replace(CleanSettings(), **values)
    except ValueError as error:
        raise KnownError(f"{where}: {error}") from error


def read_clean_settings(folder: str | Path) -> CleanSettings | None:
    """Return the settings that a folder was cleaned with (its clean.json), or None where it was not.

    A folder of masks alone holds no cleaned films: None.

    Raises:
        OutputError: clean.json is damaged.
    """
    file = Path(folder) / SETTINGS_FILE
    try:
        content = json.loads(file.read_bytes())
        values, masks_only = dict(content["settings"]), content.get("masks_only", False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{file}: damaged ({type(error).__name__}: {error}); clean again with --overwrite") from error
    return None if masks_only else settings_from(values, str(file))


def read_settings(file: str | Path) -> CleanSettings:
    """Read a YAML file of settings; what it does not name keeps its default.

    Raises:
        KnownError: not readable, not YAML, a name is unknown, or a value is not allowed.
    """
    try:
        values = yaml.safe_load(Path(file).read_text("utf-8")) or {}
    except OSError as error:
        raise KnownError(f"{file}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise KnownError(f"{file}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict):
        raise KnownError(f"{file}: expected lines such as `min_confidence: 0.4`, found {type(values).__name__}")
    return settings_from(values, str(file))
