"""Read and write model.json, which describes how to use a run's weights. Needs no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fxkit import __version__
from fxkit.config import ModelConfig
from fxkit.data.preprocessing import Preprocessing, preprocessing_from
from fxkit.errors import RunError
from fxkit.models.run_folder import read_json, write_json

FORMAT = 1  # version of the content of model.json


@dataclass(frozen=True)
class ModelCard:
    """The content of model.json: all that prediction needs besides the weights."""

    classes: tuple[str, ...]  # in the order of the logits; of two, the second is the positive class
    model: ModelConfig
    preprocessing: Preprocessing
    cleaning: Mapping[str, Any] | None  # settings of clean-labels; None if the model was trained on raw films
    threshold: float = 0.5  # on the positive class's probability
    temperature: float = 1.0  # divides the logits
    members: int = 1  # number of classifiers whose probabilities are averaged


def write_card(folder: Path, card: ModelCard) -> None:
    """Write model.json."""
    values = asdict(card) | {"model": card.model.model_dump(mode="json"), "format": FORMAT}
    write_json(folder / "model.json", values | {"fxkit": __version__})


def read_card(folder: Path) -> ModelCard:
    """Read model.json.

    Raises:
        RunError: the file is missing or damaged.
    """
    path = folder / "model.json"
    values = read_json(path)
    try:
        members = int(values.get("members", 1))
        if members < 1:
            raise ValueError(f"{members} members; expected 1 or more")
        return ModelCard(
            classes=tuple(values["classes"]),
            model=ModelConfig.model_validate(values["model"]),
            preprocessing=preprocessing_from(values["preprocessing"]),
            cleaning=values["cleaning"],
            threshold=float(values["threshold"]),
            temperature=float(values["temperature"]),
            members=members,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: not a model description of fxkit ({error}); train again") from error


def read_run_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of a run's backbone and of its input, by dotted key such as ``model.backbone``.

    Raises:
        RunError: the run has no finished model.
    """
    card = read_card(folder)
    model = {f"model.{key}": getattr(card.model, key) for key in ("backbone", "args", "mean", "std")}
    return model | {f"data.{key}": getattr(card.preprocessing, key) for key in ("image_size", "resize")}
