"""Predict the films of a manifest with any network, such as an ONNX file or a function. Needs no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import Record
from fxkit.metrics.predictions import UNKNOWN, Predictions
from fxkit.models.predict_images import AnyNetwork, Floats, predict_images
from preprocess.errors import ImageError


def predict_records_with(
    network: AnyNetwork, root: str | Path, records: Sequence[Record], *, max_pixels: int
) -> Predictions:
    """Predict the files of a manifest in its order, with any network.

    Raises:
        ImageError: a file is missing or cannot be read.
    """
    image_root = open_image_root(root)
    predictions = predict_images(network, [image_root.find(r.path) for r in records], max_pixels=max_pixels, raw=True)
    for prediction in predictions:
        if prediction.error:
            raise ImageError(prediction.error)
    classes = network.card.classes
    probabilities = np.array([p.probabilities for p in predictions]).reshape(-1, len(classes))
    return build_predictions(classes, records, probabilities)


def build_predictions(classes: tuple[str, ...], records: Sequence[Record], probabilities: Floats) -> Predictions:
    """Return (N, C) probabilities of N records as predictions; a class that is none of the model's is unknown."""
    index = {name: i for i, name in enumerate(classes)}
    return Predictions(
        classes=classes,
        paths=tuple(r.path for r in records),
        labels=np.array([index.get(r.label, UNKNOWN) for r in records], np.int64),
        probabilities=probabilities,
        films=tuple(r.film for r in records),
        groups=tuple(r.group for r in records),
    )
