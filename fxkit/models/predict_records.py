"""Predict the films of a manifest with a model in torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fxkit.config import DataConfig
from fxkit.data.dataset import DatasetOptions, FilmDataset, build_loader
from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import Record
from fxkit.data.preprocessing import Grey
from fxkit.data.transforms import to_tensor
from fxkit.errors import ConfigError
from fxkit.metrics.predictions import Predictions
from fxkit.models.classifier import calibrate_logits, forward_films
from fxkit.models.model_json import ModelCard
from fxkit.models.predict_images import Floats
from fxkit.models.predict_with import build_predictions
from fxkit.models.saved import Model


def choose_device(name: str = "auto") -> torch.device:
    """Return a torch device. auto means CUDA if available, else MPS (Apple), else the CPU.

    Raises:
        ConfigError: torch does not know the device, or it is not available.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--device {name}: cannot be used ({reason}); give auto, cpu, cuda or mps") from error
    return device


@dataclass(frozen=True)
class TorchNetwork:
    """A finished model as a Network; the model is moved to the device."""

    model: Model
    device: torch.device

    def __post_init__(self) -> None:
        self.model.classifier.to(self.device).eval()

    @property
    def card(self) -> ModelCard:
        return self.model.card

    def probabilities(self, films: Grey) -> Floats:
        """Return (N, C) probabilities of (N, S, S) films at the network's size."""
        images = torch.stack([to_tensor(film, self.card.preprocessing) for film in films])
        return predict_tensor(self.model, images.to(self.device))


@torch.inference_mode()
def predict_tensor(model: Model, images: Tensor) -> Floats:
    """Return (N, C) probabilities of (N, 3, S, S) normalised float32 images on the model's device."""
    raw = forward_films(model.classifier, images).double()
    logits = calibrate_logits(raw, model.card.temperature, model.card.bias)
    return np.asarray(logits.softmax(1).cpu().numpy(), np.float64)


def predict_records(
    model: Model, root: str | Path, records: Sequence[Record], data: DataConfig, *, device: str = "auto"
) -> Predictions:
    """Predict the files of a manifest in its order, with a model in torch.

    Args:
        root: folder of the images, or of the PNG files that `clean-labels` wrote.
    Raises:
        ImageError: a file is missing or cannot be read.
    """
    torch_device = choose_device(device)
    model.classifier.to(torch_device).eval()
    dataset = FilmDataset(
        open_image_root(root),
        records,
        model.card.classes,
        model.card.preprocessing,
        DatasetOptions(max_pixels=data.max_pixels),
    )
    parts = [predict_tensor(model, images.to(torch_device)) for images, _ in build_loader(dataset, data)]
    probabilities = np.concatenate(parts) if parts else np.zeros((0, len(model.card.classes)))
    return build_predictions(model.card.classes, records, probabilities)
