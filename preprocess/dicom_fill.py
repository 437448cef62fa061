"""Fill masked pixels in the stored values of a DICOM frame. All other values stay as they are, bit by bit."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.clean_image import fill
from preprocess.dicom_grey import COLOUR, find_padding, is_compressed, is_inverted, through_palette, used_bits
from preprocess.grey_levels import FULL, with_white
from preprocess.mask import Mask

Values = NDArray[Any]

OUTLIERS = 0.001  # share of the values at each end that do not count for the range of the fill


def fill_stored(dataset: Any, decoded: Values, mask: Mask, mode: str) -> Values:
    """Return a frame with the masked pixels filled, as `preprocess.clean_image.fill` fills those of a film.

    The fill is computed on the stored values, not on those that a window shows, so it also fits outside the window.
    Bits of overlays that lie above or below the used ones are 0 in the filled pixels.

    Args:
        dataset: the pydicom dataset of the frame.
        decoded: the frame as pydicom decodes it, (H, W) or (H, W, 3); not modified.
        mask: (H, W) bool.
    """
    kind = str(dataset.get("PhotometricInterpretation", "")).strip().upper()
    if kind in COLOUR:
        return np.asarray(fill(decoded, mask, mode))
    out: Values = np.array(decoded)
    if kind == "PALETTE COLOR":
        out[mask] = _nearest_entries(dataset, decoded, mask, mode)
    elif mask.any():
        inverted = is_inverted(kind, dataset) != (float(dataset.get("RescaleSlope") or 1) < 0)
        stored, padding = used_bits(dataset, decoded), find_padding(dataset, decoded)
        filled = _fill_grey(stored, mask, padding, mode, inverted=inverted)[mask]
        out[mask] = _placed(dataset, filled, decoded)
        _continue_padding(out, mask, padding & ~mask)
    return out


def _continue_padding(values: Values, mask: Mask, padding: NDArray[np.bool_]) -> None:
    """Make padding, in place, of the masked pixels whose nearest unmasked pixel is padding."""
    if not padding.any():
        return
    _, nearest = cv2.distanceTransformWithLabels(
        mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    is_padding = np.zeros(int(nearest.max()) + 1, bool)
    is_padding[nearest[padding]] = True  # an unmasked pixel has a label of its own
    values[mask & is_padding[nearest]] = values[padding][0]


def _fill_grey(stored: Values, mask: Mask, padding: NDArray[np.bool_], mode: str, *, inverted: bool) -> Values:
    """Fill values of any range on a scale from 0 to 255 or 65535 on which bone is bright."""
    if stored.dtype == np.uint8:  # as it is, so that the blocks of JPEG in a film of 8 bits are mended
        top = int(stored.max())
        filled = fill(top - stored if inverted else stored, mask, mode)
        return np.asarray(top - np.minimum(filled, top) if inverted else filled, np.uint8)
    rest = stored[~mask & ~padding]
    low, high = np.quantile(rest if rest.size else stored, (OUTLIERS, 1 - OUTLIERS))
    scale = FULL / max(float(high - low), 1e-9)
    levels = np.round((np.clip(stored.astype(float), low, high) - low) * scale).astype(np.uint16)
    filled = fill(with_white(FULL - levels if inverted else levels, FULL), mask, mode)
    levels = np.asarray(FULL - filled if inverted else filled)
    return np.asarray(np.round(levels / scale + low), stored.dtype)


def _placed(dataset: Any, values: Values, decoded: Values) -> Values:
    """Return used values at the place that the header gives them in the bits of a pixel."""
    allocated, used = decoded.dtype.itemsize * 8, int(dataset.BitsStored)
    shift = max(0, int(dataset.get("HighBit", used - 1)) + 1 - used)
    if shift == 0 or used + shift > allocated or is_compressed(dataset):
        return values.astype(decoded.dtype)
    bits = (values.astype(np.int64) & ((1 << used) - 1)) << shift
    return bits.astype(f"u{decoded.dtype.itemsize}").view(decoded.dtype)


def _nearest_entries(dataset: Any, indices: Values, mask: Mask, mode: str) -> Values:
    """Return, for each masked pixel, the index in use outside the mask whose colour is nearest to the filled one."""
    colours = through_palette(dataset, indices)
    filled = fill(colours, mask, mode)[mask].astype(int).reshape(int(mask.sum()), -1)
    used, first = np.unique(indices[~mask] if not mask.all() else indices, return_index=True)
    palette = (colours[~mask] if not mask.all() else colours.reshape(indices.size, -1))[first].astype(int)
    wanted, place = np.unique(filled, axis=0, return_inverse=True)
    distance = np.abs(wanted[:, None] - palette.reshape(len(used), -1)).sum(axis=-1)
    return np.asarray(used[distance.argmin(axis=1)][place.ravel()], indices.dtype)
