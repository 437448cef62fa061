"""A picture of a film as a model gets it, to see a wrong size, crop or range before anything is computed."""

import numpy as np

from fxkit.data.preprocessing import Grey
from fxkit.models.given.network import FilmModel
from fxkit.models.predict_images import AnyNetwork, prepare_film
from preprocess.images import Array


def picture_of_input(network: AnyNetwork, film: Grey) -> tuple[Grey, str]:
    """Return what a network gets of a film, (H, W) uint8, as a picture, and its shape and values in words.

    The picture shows the first channel, its lowest value as black and its highest as white: whatever the model
    clips, or gets too small or cut off, is so in the picture.

    Returns:
        The picture, (h, w) uint8 at the size of the input.
    """
    values: Array = prepare_film(network, film)
    text = (
        f"shape {' x '.join(map(str, values.shape))}, {values.dtype}, from {float(values.min()):.4g} to "
        f"{float(values.max()):.4g}, mean {float(values.mean()):.4g}"
    )
    return _as_grey(_first_channel(network, values)), text


def _first_channel(network: AnyNetwork, values: Array) -> Array:
    if values.ndim == 2:
        return values
    layout = network.film_input.layout if isinstance(network, FilmModel) and network.film_input else "NCHW"
    return np.asarray(values[..., 0] if layout == "NHWC" else values[0])


def _as_grey(values: Array) -> Grey:
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    low, high = float(values.min()), float(values.max())
    return np.asarray(np.round((values.astype(np.float64) - low) / max(high - low, 1e-12) * 255), np.uint8)
