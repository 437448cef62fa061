"""A finished model in torch: its weights, built as model.json says."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from safetensors.torch import load_file, save

from fxkit.errors import RunError
from fxkit.models.classifier import Classifier, Ensemble, build_classifier
from fxkit.models.model_json import ModelCard, read_card, write_card
from preprocess.files import write_atomic


@dataclass(frozen=True)
class Model:
    classifier: Classifier | Ensemble
    card: ModelCard

    @property
    def members(self) -> "list[Model]":
        """The models that an ensemble averages; of any other the model itself."""
        if not isinstance(self.classifier, Ensemble):
            return [self]
        each = zip(self.classifier.members, self.classifier.temperatures.tolist(), strict=True)
        return [Model(cast(Classifier, m), replace(self.card, temperature=t, members=1)) for m, t in each]


def save_model(folder: Path, model: Model) -> None:
    """Write model.safetensors and model.json."""
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in model.classifier.state_dict().items()}
    write_atomic(folder / "model.safetensors", save(state))
    write_card(folder, model.card)


def load_model(folder: str | Path) -> Model:
    """Load a finished model, in evaluation mode; nothing is unpickled.

    Raises:
        RunError: no model there, or its files are damaged or do not fit each other.
    """
    folder = Path(folder)
    if not (folder / "model.json").is_file() and not (folder / "config.yaml").is_file():
        raise RunError(f"{folder}: no run folder; make one with `fxkit train`")
    if not (folder / "model.safetensors").is_file():
        raise RunError(f"{folder}: no model.safetensors; the training did not end: go on with `fxkit train --resume`")
    card = read_card(folder)
    try:
        classifier = _build(card)
        classifier.load_state_dict(load_file(folder / "model.safetensors"))
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{folder / 'model.safetensors'}: does not fit model.json ({reason}); train again") from error
    return Model(classifier.eval(), card)


def _build(card: ModelCard) -> Classifier | Ensemble:
    """Build what the card describes, with weights that the state dict is to replace."""
    size, count = card.preprocessing.image_size, len(card.classes)
    members = [build_classifier(card.model, count, load=False, image_size=size) for _ in range(card.members)]
    return members[0] if card.members == 1 else Ensemble(members)
