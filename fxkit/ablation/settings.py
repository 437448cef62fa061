"""The settings of an ablation, as read from a YAML file in configs/ablations, and the options for running it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from fxkit.config import Settings, find_preset, presets_folder
from fxkit.errors import ConfigError
from preprocess.yaml_files import read_yaml

Kind = Literal["markers", "split", "settings"]


class AblationSettings(Settings):
    """The settings of an ablation.

    Attributes:
        question: what the ablation answers.
        kind: what the arms change: markers (the films), split (how films are divided) or settings (the training).
        arms: for kind settings: name -> dotted keys with the values that the arm changes.
        trained: for kind markers: the arms that models are trained on in full mode. Quick mode trains on all arms.
        seeds: the ablation is repeated for each seed.
        folds: number of folds by group; 0 uses the split of the records.
        margin: smallest difference of the score that matters.
    """

    question: str
    kind: Kind = "markers"
    arms: Mapping[str, Mapping[str, Any]] = {}
    trained: tuple[Literal["raw", "cleaned", "control", "clipped", "markers"], ...] = ("raw", "cleaned", "markers")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    folds: int = Field(5, ge=0)
    margin: float = Field(0.05, gt=0, lt=1)

    @field_validator("folds")
    @classmethod
    def _room_for_val(cls, value: int) -> int:
        if value in (1, 2):
            raise ValueError("0, or 3 or more: one fold is test, one is val, and the others are train")
        return value

    @field_validator("trained")
    @classmethod
    def _with_raw(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "raw" not in value:
            raise ValueError("raw must be in the list: the verdict is about models trained on raw films")
        return value


@dataclass(frozen=True)
class AblationOptions:
    """How an ablation is run.

    Attributes:
        full: train both phases, each model in its own run folder inside the folder of the ablation. Otherwise
            (quick mode) a linear head is fitted to features of the frozen backbone.
        resume: keep the films and models that exist already.
        overwrite: replace an earlier ablation in the same folder.
        allow_leaks: use a split that leaks; all figures then carry a stamp.
        device: device for features and predictions: auto, cpu, cuda or mps.
        cleaned: folder for the cleaned films; films that are already in it are used. None: ROOT-clean.
        jobs: processes that clean and change films.
    """

    full: bool = False
    resume: bool = False
    overwrite: bool = False
    allow_leaks: bool = False
    device: str = "auto"
    cleaned: Path | None = None
    jobs: int = 1

    @property
    def mode(self) -> str:
        """The name of the mode in ablation.json."""
        return "full" if self.full else "quick"


QUICK = AblationOptions()


def list_ablations() -> dict[str, str]:
    """Return the names of the ablation presets, and the question that each one answers."""
    files = sorted((presets_folder() / "ablations").glob("*.yaml"))
    return {file.stem: read_ablation_settings(str(file)).question for file in files}


def read_ablation_settings(
    name: str, *, seeds: Sequence[int] | None = None, folds: int | None = None
) -> AblationSettings:
    """Read the settings of an ablation from a YAML file or a preset.

    Args:
        name: name of the preset, or path of the file.
        seeds, folds: replace those of the file.
    Raises:
        ConfigError: there is no such file or preset, or a key in it is unknown, missing or invalid.
    """
    path = find_preset("ablations", name)
    replaced = {key: value for key, value in (("seeds", seeds), ("folds", folds)) if value is not None}
    try:
        settings = AblationSettings.model_validate(read_yaml(path) | replaced)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {key}: {first['msg']}; see configs/ablations for examples") from error
    if settings.kind == "settings" and len(settings.arms) < 2:
        raise ConfigError(f"{path}: arms: found {len(settings.arms)}; expected two or more to compare")
    return settings
