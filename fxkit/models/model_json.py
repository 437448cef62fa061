"""Read and write model.json, which describes how to use a run's weights. Needs no torch."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from fxkit import __version__
from fxkit.config import ModelConfig
from fxkit.data.positive import positive_class
from fxkit.data.preprocessing import Preprocessing
from fxkit.errors import RunError
from fxkit.models.run_folder import read_json, write_json
from preprocess.json_files import describe_error

FORMAT = 1  # version of the content of model.json


def _check_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(classes)) < len(classes) or not all(classes):
        raise ValueError("expected different names, none of them empty")
    return classes


Classes = Annotated[tuple[str, ...], Field(min_length=2), AfterValidator(_check_classes)]

Probability = Annotated[float, Field(ge=0, le=1)]

Temperature = Annotated[float, Field(gt=0)]

Bias = tuple[float, ...]


@dataclass(frozen=True, config=ConfigDict(allow_inf_nan=False))
class ModelCard:
    """The content of model.json: all that prediction needs besides the weights. Values out of range are refused."""

    classes: Classes  # in the order of the logits; of two, the second is the positive class
    model: ModelConfig
    preprocessing: Preprocessing
    cleaning: Mapping[str, Any] | None  # settings of clean-labels; None if the model was trained on raw films
    threshold: Probability = 0.5  # on the positive class's probability
    temperature: Temperature = 1.0  # divides the logits
    bias: Bias = ()  # added to the logits after that, one number for each class; () in runs of fxkit 0.1.0: none
    members: Annotated[int, Field(ge=1)] = 1  # number of classifiers whose probabilities are averaged
    weights_sha256: str = ""  # of model.safetensors; "" in runs of fxkit 0.1.0, which are not checked

    @model_validator(mode="after")
    def _check_bias(self) -> "ModelCard":
        if len(self.bias) not in (0, len(self.classes)):
            raise ValueError(f"bias: {len(self.bias)} numbers; expected {len(self.classes)}, one for each class")
        return self


def write_card(folder: Path, card: ModelCard) -> None:
    """Write model.json."""
    values = asdict(card) | {"model": card.model.model_dump(mode="json"), "format": FORMAT}
    write_json(folder / "model.json", values | {"positive": positive_class(card.classes), "fxkit": __version__})


def read_card(folder: Path) -> ModelCard:
    """Read model.json.

    Raises:
        RunError: the file is missing or damaged, or a value is out of range.
    """
    path = folder / "model.json"
    try:
        return TypeAdapter(ModelCard).validate_python(read_json(path))
    except ValueError as error:
        raise RunError(
            f"{path}: not a model description of fxkit ({describe_error(error)}); restore the file or train again"
        ) from error


def read_run_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of a run's backbone and of its input, by dotted key such as ``model.backbone``.

    Raises:
        RunError: the run has no finished model.
    """
    card = read_card(folder)
    model = {f"model.{key}": getattr(card.model, key) for key in ("backbone", "args", "mean", "std")}
    return model | {f"data.{key}": getattr(card.preprocessing, key) for key in ("image_size", "resize")}
