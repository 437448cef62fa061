"""The settings of cleaning, and the clean.json file that records them in a cleaned folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from preprocess.errors import OutputError
from preprocess.json_files import parse_json
from preprocess.yaml_files import check_settings, read_yaml

SETTINGS_FILE = "clean.json"

NETWORK = Path(__file__).parent / "detectors" / "markernet.onnx"  # the marker network that comes with the package


class CleanSettings(BaseModel):
    """Everything that decides which pixels of an image are erased, and how they are filled.

    Args:
        detector: markernet (the project's network), rapidocr or easyocr (OCR), or union (markernet and rapidocr).
        weights: ONNX file of a marker network tuned to a site; empty for the one that comes with the package.
        read_text: read the text of the markers that markernet finds; the ledger, `keep` and `only` use it.
        min_confidence: detections with a lower confidence (0 to 1) are ignored.
        side_px: longest side of the scaled copy that OCR searches. Larger copies show smaller print and take longer.
        enlarge: largest factor by which a small film is enlarged for OCR.
        turns: number of quarter turns at which OCR searches, 1 to 4.
        find_mirrored: let OCR search mirrored views too. Mirrored text is read in any case.
        label_boxes: extend a marker to the filled box around its text.
        grow_fraction: margin of the mask around a marker, as a fraction of the marker's shorter side.
        grow_px: smallest margin, in pixels of a film of 1,000 px; it scales with the film.
        mode: inpaint (content of the same film), fill (flat, the median of the surroundings), noise (mean and
            variance of the surroundings) or box (black).
        keep: regular expression; markers whose text matches it are not erased. Empty: no marker is kept.
        only: regular expression; only markers whose text matches it are erased. Empty: all are.
        plates: erase the plates under lead letters too.
        max_fraction: refuse a film if more than this fraction of it would be erased.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    detector: Literal["markernet", "rapidocr", "easyocr", "union"] = "markernet"
    weights: str = ""
    read_text: bool = True
    min_confidence: float = Field(0.4, ge=0, le=1)
    side_px: int = Field(640, ge=32, le=4096)
    enlarge: float = Field(3.0, ge=1, le=16)
    turns: int = Field(4, ge=1, le=4)
    find_mirrored: bool = False
    label_boxes: bool = True
    grow_fraction: float = Field(0.1, ge=0, le=2)
    grow_px: float = Field(3.0, ge=0, le=100)
    mode: Literal["inpaint", "fill", "noise", "box"] = "inpaint"
    keep: str = ""
    only: str = ""
    plates: bool = True
    max_fraction: float = Field(0.25, ge=0, le=1)

    @field_validator("keep", "only")
    @classmethod
    def _is_usable(cls, pattern: str, info: ValidationInfo) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"not a regular expression ({error}); write plain text such as 'R', or put a backslash before "
                "each special character"
            ) from error
        if pattern and info.data.get("detector") == "markernet" and info.data.get("read_text") is False:
            raise ValueError("needs the text of the markers, but read_text is false; set read_text to true")
        return pattern


def settings_from(values: Mapping[str, Any], where: str) -> CleanSettings:
    """Build settings from a mapping; settings that it does not name keep their defaults.

    Args:
        where: file or command that the values come from; error texts start with it.
    Raises:
        ConfigError: a name is unknown, or a value has a wrong type or range.
    """
    return check_settings(CleanSettings, values, where)


def read_settings(file: str | Path) -> CleanSettings:
    """Read settings from a YAML file; settings that it does not name keep their defaults.

    Raises:
        ConfigError: the file is not readable or not YAML, a name is unknown, or a value has a wrong type or range.
    """
    return settings_from(read_yaml(file), str(file))


def read_clean_settings(folder: str | Path) -> CleanSettings | None:
    """Return the settings that a folder was cleaned with, from its clean.json.

    Return None if the folder has no clean.json, or holds masks only and thus no cleaned films.

    Raises:
        OutputError: clean.json is damaged.
        ConfigError: clean.json holds an unknown setting or a wrong value.
    """
    file = Path(folder) / SETTINGS_FILE
    try:
        content = parse_json(file.read_bytes())
        values, masks_only = dict(content["settings"]), content.get("masks_only", False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{file}: damaged ({type(error).__name__}: {error}); clean again with --overwrite") from error
    return None if masks_only else settings_from(values, str(file))
