"""Probabilities from a finished model: for the rows of a manifest, and for single images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxkit.config import DataConfig
from fxkit.data.dataset import FilmDataset, build_loader, image_place
from fxkit.data.manifest import Record
from fxkit.data.transforms import resize, to_tensor
from fxkit.errors import ConfigError
from fxkit.predictions import UNKNOWN, Predictions, decisions
from fxkit.run import Model
from preprocess.errors import AreaError, ImageError
from preprocess.images import MAX_PIXELS, Array, read_image, to_grey8

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ImagePrediction:
    """What a model says of one image; on failure the error, and nothing else."""

    path: str
    probabilities: tuple[float, ...] = ()
    decision: str = ""
    markers: int | None = None  # erased before; None where the model takes images as they are
    error: str = ""


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of this name; auto takes CUDA, then Apple's, then the processor.

    Raises:
        ConfigError: torch knows no such device, or it is not at hand.
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


@torch.inference_mode()
def predict_tensor(model: Model, images: Tensor) -> Floats:
    """Return (N, C) probabilities for (N, 3, S, S) float32 images, normalised, on the model's device."""
    logits = model.classifier(images).double() / model.card.temperature
    return np.asarray(logits.softmax(1).cpu().numpy(), np.float64)


def predict_records(
    model: Model, root: str | Path, records: Sequence[Record], data: DataConfig, *, device: str = "auto"
) -> Predictions:
    """Predict the files of a manifest in its order; root holds them, or the PNGs that `clean-labels` made.

    Raises:
        ImageError: a file is missing or cannot be read any more.
    """
    place = choose_device(device)
    model.classifier.to(place).eval()
    dataset = FilmDataset(
        image_place(root), records, model.card.classes, model.card.preprocessing, max_pixels=data.max_pixels
    )
    parts = [predict_tensor(model, images.to(place)) for images, _ in build_loader(dataset, data)]
    return Predictions(
        classes=model.card.classes,
        paths=tuple(r.path for r in records),
        labels=np.array([dataset.index.get(r.label, UNKNOWN) for r in records], np.int64),
        probabilities=np.concatenate(parts) if parts else np.zeros((0, len(model.card.classes))),
        films=tuple(r.film for r in records),
        groups=tuple(r.group for r in records),
    )


def predict_images(
    model: Model,
    paths: Sequence[str | Path],
    *,
    device: str = "auto",
    max_pixels: int = MAX_PIXELS,
    raw: bool = False,
) -> list[ImagePrediction]:
    """Predict single image files; those that cannot be read come back with their error.

    A model trained on cleaned images gets them cleaned with the same settings, unless `raw`.

    Raises:
        DetectorError: the detector that the model's images were cleaned with is not at hand.
    """
    place = choose_device(device)
    model.classifier.to(place).eval()
    clean = None if raw else build_cleaner(model)
    results = []
    for path in paths:
        try:
            image = read_image(path, max_pixels=max_pixels)
            results.append(_predict_one(model, str(path), image, clean, place))
        except ImageError as error:
            results.append(ImagePrediction(str(path), error=str(error)))
        except AreaError as error:
            results.append(ImagePrediction(str(path), error=f"{path}: {error}"))
    return results


Cleaner = Callable[[Array], tuple[Array, int]]


def build_cleaner(model: Model) -> Cleaner | None:
    """Return image -> (image without markers, their number) as the model was trained; None where it took raw ones."""
    if model.card.cleaning is None:
        return None
    from preprocess.clean import build_detector, clean_image
    from preprocess.settings import settings_from

    settings = settings_from(model.card.cleaning, "model.json")
    detector = build_detector(settings)

    def clean(image: Array) -> tuple[Array, int]:
        cleaned = clean_image(image, detector, settings)
        return cleaned.image, len(cleaned.markers)

    return clean


def _predict_one(model: Model, path: str, image: Array, clean: Cleaner | None, device: torch.device) -> ImagePrediction:
    markers = None
    if clean is not None:
        image, markers = clean(image)
    tensor = to_tensor(resize(to_grey8(image), model.card.preprocessing), model.card.preprocessing)
    probabilities = predict_tensor(model, tensor.unsqueeze(0).to(device))[0]
    return ImagePrediction(path, tuple(probabilities.tolist()), decide(model, probabilities), markers)


def decide(model: Model, probabilities: Floats) -> str:
    """Return the class decided for: of two, by the model's threshold on the positive; of more, the likeliest."""
    return model.card.classes[int(decisions(probabilities[None], model.card.threshold)[0])]
