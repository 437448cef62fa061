"""Save and load a finished model in torch: its weights, and the network that model.json describes."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from safetensors.torch import load_file, save

from fxkit.errors import RunError
from fxkit.models.classifier import Classifier, Ensemble, build_classifier
from fxkit.models.model_json import ModelCard, read_card, write_card
from preprocess.files import sha256_of, write_atomic


@dataclass(frozen=True)
class Model:
    """A finished classifier and its description."""

    classifier: Classifier | Ensemble
    card: ModelCard

    @property
    def members(self) -> "list[Model]":
        """The models that an ensemble averages; for a single classifier, only this model."""
        if not isinstance(self.classifier, Ensemble):
            return [self]
        ensemble = self.classifier
        members = zip(ensemble.members, ensemble.temperatures.tolist(), ensemble.biases.tolist(), strict=True)
        return [
            Model(cast(Classifier, member), replace(self.card, temperature=temperature, bias=tuple(bias), members=1))
            for member, temperature, bias in members
        ]


def save_model(folder: Path, model: Model) -> None:
    """Write model.safetensors, and model.json with its SHA-256."""
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in model.classifier.state_dict().items()}
    weights = save(state)
    write_atomic(folder / "model.safetensors", weights)
    write_card(folder, replace(model.card, weights_sha256=hashlib.sha256(weights).hexdigest()))


def load_model(folder: str | Path) -> Model:
    """Load a finished model in evaluation mode. Nothing is unpickled.

    Raises:
        RunError: the folder holds no finished model, or its files are damaged or do not match each other.
    """
    folder = Path(folder)
    if not (folder / "model.json").is_file() and not (folder / "config.yaml").is_file():
        raise RunError(f"{folder}: not a run folder; make one with `fxkit train`")
    if not (folder / "model.safetensors").is_file():
        raise RunError(
            f"{folder}: no model.safetensors, because the training did not finish; continue it with "
            "`fxkit train --resume`"
        )
    card = read_card(folder)
    _check_weights(folder / "model.safetensors", card)
    try:
        classifier = _build_classifier(card)
        state = load_file(folder / "model.safetensors")
        if isinstance(classifier, Ensemble):
            state.setdefault("biases", classifier.biases)  # runs of fxkit 0.1.0 have none
        classifier.load_state_dict(state)
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise RunError(f"{folder / 'model.safetensors'}: does not fit model.json ({reason}); train again") from error
    return Model(classifier.eval(), card)


def _check_weights(file: Path, card: ModelCard) -> None:
    try:
        changed = bool(card.weights_sha256) and sha256_of(file) != card.weights_sha256
    except OSError as error:
        raise RunError(f"{file}: cannot be read ({error.strerror})") from error
    if changed:
        raise RunError(f"{file}: does not have the SHA-256 in model.json; copy the run again or train again")


def _build_classifier(card: ModelCard) -> Classifier | Ensemble:
    """Build the network that a card describes, with random weights."""
    size, n_classes = card.preprocessing.image_size, len(card.classes)
    members = [build_classifier(card.model, n_classes, load=False, image_size=size) for _ in range(card.members)]
    return members[0] if card.members == 1 else Ensemble(members)
