"""What a YAML file in configs/ablations asks: which arms, how often, and what difference counts as none."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from fxkit.config import Settings, find_preset, presets_folder
from fxkit.errors import ConfigError
from preprocess.yaml_files import read_yaml

Kind = Literal["markers", "split", "settings"]


class AblationSettings(Settings):
    """One ablation.

    Attributes:
        kind: markers changes the films, split how they are divided, settings how is trained.
        arms: of kind settings: name -> dotted keys and values over the training's own.
        trained: of kind markers: the arms that a model is trained on when training is full; quickly all are.
        folds: by group; 0 for the records' own split.
        margin: a difference of the figure that counts as none.
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
            raise ValueError("0, or 3 or more: one is tested, one is val, the others are train")
        return value

    @field_validator("trained")
    @classmethod
    def _with_raw(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "raw" not in value:
            raise ValueError("raw must be among them: the question is about models trained on raw films")
        return value


def list_ablations() -> dict[str, str]:
    """Return the ablations at hand: name -> what it asks."""
    files = sorted((presets_folder() / "ablations").glob("*.yaml"))
    return {file.stem: ablation_settings(str(file)).question for file in files}


def ablation_settings(name: str, *, seeds: Sequence[int] | None = None, folds: int | None = None) -> AblationSettings:
    """Read the settings of an ablation by its preset's name or its YAML file.

    Args:
        seeds, folds: instead of the file's.
    Raises:
        ConfigError: there is none of that name, or a key in it is unknown, missing or wrong.
    """
    path = find_preset("ablations", name)
    given = {key: value for key, value in (("seeds", seeds), ("folds", folds)) if value is not None}
    try:
        settings = AblationSettings.model_validate(read_yaml(path) | given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {key}: {first['msg']}; see configs/ablations for examples") from error
    if settings.kind == "settings" and len(settings.arms) < 2:
        raise ConfigError(f"{path}: arms: {len(settings.arms)} given; expected two or more to compare")
    return settings
