"""Convert the stored values of a DICOM file into the grey levels of a film.

The steps are those of the standard: modality table or rescaling, then VOI table or window, then inversion. Each is done
once. Source: DICOM PS3.3, C.7.6.3 (image pixel), C.7.5.1.1.2 (pixel padding), C.11.1 (modality), C.11.2 (VOI), C.11.6
(presentation).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from preprocess.errors import ImageError
from preprocess.grey_levels import FULL, find_white, to_8_bits, with_white

Values = NDArray[Any]

COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")  # which decoding returns as RGB

GREY = ("MONOCHROME1", "MONOCHROME2")

OUTSIDE = 0.005  # share of the pixels that may be below 0, or outside a range that no table gives

SMOOTH = 1 / 8  # of the stated range; neighbours that differ by less belong together

WRAPPED = 0.001  # share of smooth neighbours with different unused bits from which these bits are part of the values


def to_film(path: Any, dataset: Any, decoded: Values) -> Values:
    """Return a decoded frame as a film: (H, W) uint8 or uint16, or (H, W, 3).

    Args:
        path: where the frame comes from; error texts start with it.
        dataset: the pydicom dataset of the file.
        decoded: the frame as pydicom decodes it.
    Raises:
        ImageError: the kind of pixels is not supported, or the header contradicts the pixels.
    """
    kind = str(dataset.get("PhotometricInterpretation", "")).strip().upper()
    if kind == "PALETTE COLOR" and decoded.ndim == 2:
        return through_palette(dataset, decoded)
    if kind in COLOUR and decoded.ndim == 3 and decoded.dtype in (np.uint8, np.uint16):
        return decoded if decoded.dtype == np.uint8 else with_white(decoded, find_white(decoded))
    if kind not in GREY or decoded.ndim != 2:
        raise ImageError(
            f"{path}: pixels of the kind {kind or 'without PhotometricInterpretation'} with the shape {decoded.shape}; "
            f"expected {', '.join((*GREY, 'PALETTE COLOR', *COLOUR))}; export the film as MONOCHROME2 or as PNG"
        )
    if "PresentationLUTSequence" in dataset:
        raise ImageError(f"{path}: has a PresentationLUTSequence, which fxkit does not apply; export the film as PNG")
    return _grey_film(path, _first_frame_tags(dataset), decoded, inverted=is_inverted(kind, dataset))


def through_palette(dataset: Any, indices: Values) -> Values:
    """Return the colours of palette indices: (H, W) uint8 if they are grey, else (H, W, 3)."""
    from pydicom.pixels import apply_color_lut

    colours = np.asarray(apply_color_lut(used_bits(dataset, indices), dataset))[..., :3]
    if colours.dtype != np.uint8:
        colours = to_8_bits(colours, 255 if colours.max() <= 255 else FULL)  # some fill only the lower half
    grey = (colours == colours[..., :1]).all()
    return np.ascontiguousarray(colours[..., 0] if grey else colours)


def is_inverted(kind: str, dataset: Any) -> bool:
    """Return whether the largest values after the window are black.

    Args:
        kind: PhotometricInterpretation.
    """
    shape = str(dataset.get("PresentationLUTShape", "")).strip().upper()
    return kind == "MONOCHROME1" or shape == "INVERSE"  # files of MONOCHROME1 have both; this is one inversion


def _first_frame_tags(dataset: Any) -> Any:
    """Return the dataset with the window and rescaling of its first frame, which enhanced files keep in sequences."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(dataset.get(groups) or [])[:1]:
            for sequence in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                for item in list(group.get(sequence) or [])[:1]:
                    dataset.update({element.tag: element for element in item})
    return dataset


def _grey_film(path: Any, dataset: Any, decoded: Values, *, inverted: bool) -> Values:
    padding = find_padding(dataset, decoded)
    _check_unused_bits(path, dataset, decoded, padding)
    stored = used_bits(dataset, decoded)
    shown = _through_window(dataset, stored)
    if shown is None:
        film, white, flipped = _without_window(dataset, stored, padding)
        inverted ^= flipped
    else:
        white = 255 if int(dataset.BitsStored) <= 8 else FULL
        film = np.round(shown * white).astype(np.uint8 if white == 255 else np.uint16)
    film = (white - np.minimum(film, white)).astype(film.dtype) if inverted else film
    film[padding] = 0
    return film if film.dtype == np.uint8 else with_white(film, white)


def find_padding(dataset: Any, decoded: Values) -> NDArray[np.bool_]:
    """Return which pixels are padding: values from PixelPaddingValue to PixelPaddingRangeLimit."""
    first = dataset.get("PixelPaddingValue")
    if not isinstance(first, int):
        return np.zeros(decoded.shape, bool)
    last = dataset.get("PixelPaddingRangeLimit")
    bits = decoded.dtype.itemsize * 8
    ends = [_as_signed(end, bits, decoded) for end in (first, last if isinstance(last, int) else first)]
    return np.asarray((decoded >= min(ends)) & (decoded <= max(ends)))


def _as_signed(value: int, bits: int, decoded: Values) -> int:
    """Return a value of the header with the sign that the pixels have: headers give -2000 as 63536, and vice versa."""
    value %= 1 << bits
    return value - (1 << bits) if decoded.dtype.kind == "i" and value >> (bits - 1) else value


def _unsigned(decoded: Values) -> Values:
    return decoded.view(f"u{decoded.dtype.itemsize}")


def used_bits(dataset: Any, decoded: Values) -> Values:
    """Return the values without the bits above HighBit and below the lowest used one, such as bits of overlays."""
    allocated, used = decoded.dtype.itemsize * 8, int(dataset.BitsStored)
    shift = max(0, int(dataset.get("HighBit", used - 1)) + 1 - used)
    if not 0 < used < allocated or used + shift > allocated or is_compressed(dataset):
        return decoded
    values = (_unsigned(decoded) >> shift) & ((1 << used) - 1)
    if decoded.dtype.kind == "u":
        return values
    return np.asarray((values << (allocated - used)).view(decoded.dtype) >> (allocated - used))


def is_compressed(dataset: Any) -> bool:
    """Return whether the pixels were decompressed: their own header then says how many bits there are."""
    syntax = dataset.file_meta.TransferSyntaxUID
    return bool(syntax.is_encapsulated) and syntax.name != "RLE Lossless"


def _check_unused_bits(path: Any, dataset: Any, decoded: Values, padding: NDArray[np.bool_]) -> None:
    """Refuse a file whose values use more bits than it says: without the upper ones, they would start again at 0."""
    used = int(dataset.BitsStored)
    allocated = decoded.dtype.itemsize * 8
    if (
        decoded.dtype.kind == "i"
        or used >= allocated
        or int(dataset.get("HighBit", used - 1)) != used - 1
        or is_compressed(dataset)
    ):
        return
    values = np.where(padding, 0, decoded).astype(np.int64)
    upper = values >> used
    pairs = np.abs(np.diff(values, axis=1)) < SMOOTH * (1 << used)
    wrapped = (pairs & (np.diff(upper, axis=1) != 0)).mean() if values.shape[1] > 1 else 0.0
    if wrapped > WRAPPED:
        raise ImageError(
            f"{path}: BitsStored is {used}, but the values use more bits (up to {int(values.max())}); correct "
            "BitsStored and HighBit, or export the film again"
        )


def _rescaled(dataset: Any, stored: Values) -> Values:
    """Return the values that the modality table or RescaleSlope and RescaleIntercept give."""
    if dataset.get("ModalityLUTSequence"):
        return _through_table(dataset, dataset.ModalityLUTSequence[0], stored)[0]
    slope, intercept = (dataset.get(name) for name in ("RescaleSlope", "RescaleIntercept"))
    return stored if slope is None or intercept is None else np.asarray(stored * float(slope) + float(intercept))


def _through_table(dataset: Any, item: Any, values: Values) -> tuple[Values, int]:
    """Return the entries of a table for some values, and the largest entry that its bits allow.

    pydicom's own functions are not used, because they refuse or wrap tables of 8 bits with more than 256 entries.
    """
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    count = count % 65536 or 65536
    first -= 65536 if first > 32767 and values.min() < 0 else 0
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.original_encoding[1] else ">"
        data = np.frombuffer(data, f"{order}u2" if len(data) >= 2 * count else "u1", count)
    entries = np.atleast_1d(np.asarray(data)).astype(np.int64)
    places = np.clip(np.round(values).astype(np.int64) - first, 0, min(count, len(entries)) - 1)
    return entries[places], max(2**bits - 1, int(entries.max()))


def _through_window(dataset: Any, stored: Values) -> Values | None:
    """Return the (H, W) float values from 0 to 1 that the first VOI table or window gives; None if there is none."""
    if dataset.get("VOILUTSequence"):
        entries, top = _through_table(dataset, dataset.VOILUTSequence[0], _rescaled(dataset, stored))
        return entries / top
    window = _window(dataset)
    if window is None:
        return None
    values = np.asarray(_rescaled(dataset, stored), float)
    center, width, function = window
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -500, 500))))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width <= 0:  # a LINEAR window of width 1 is a threshold
        return np.asarray(values > center, float)
    return np.asarray(np.clip((values - center) / width + 0.5, 0, 1))


def _window(dataset: Any) -> tuple[float, float, str] | None:
    """Return center, width and function of the first window; None if there is none, or none that can be used."""
    first = []
    for name in ("WindowCenter", "WindowWidth"):
        value = dataset.get(name)
        value = value[0] if isinstance(value, (list, tuple)) or (hasattr(value, "append") and len(value)) else value
        if value in (None, ""):
            return None
        first.append(float(value))
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        raise ValueError(f"VOILUTFunction is {function}; expected LINEAR, LINEAR_EXACT or SIGMOID")
    return None if not np.isfinite(first).all() or first[1] < 1e-9 else (first[0], first[1], function)


def _without_window(dataset: Any, stored: Values, padding: NDArray[np.bool_]) -> tuple[Values, int, bool]:
    """Return a film without a window, its white, and whether rescaling inverts it.

    The depth rule of `find_white` is applied, so that the film looks like a PNG file of the stored values. Rescaling is
    linear and therefore changes at most the sense. Signed values below 0 and those beyond 16 bits have no such depth;
    their range without the share OUTSIDE at each end becomes the full scale.
    """
    flipped = float(dataset.get("RescaleSlope") or 1) < 0
    if dataset.get("ModalityLUTSequence"):
        stored, flipped = _rescaled(dataset, stored), False
    if stored.dtype == np.uint8:
        used = int(dataset.BitsStored)
        return np.round(stored * (255 / (2 ** min(used, 8) - 1))).astype(np.uint8), 255, flipped
    low, high, deep = _find_range(dataset, stored, padding)
    if not deep:
        scaled = np.clip((stored - low) / max(high - low, 1e-9), 0, 1)
        return np.round(scaled * FULL).astype(np.uint16), FULL, flipped
    return np.clip(np.where(padding, 0, stored), 0, FULL).astype(np.uint16), int(high), flipped


def _find_range(dataset: Any, stored: Values, padding: NDArray[np.bool_]) -> tuple[float, float, bool]:
    """Return which values of a film without a window are black and white, and whether white is that of a depth."""
    film = stored[~padding] if not padding.all() else stored.ravel()
    if (film < 0).mean() > OUTSIDE or (film > FULL).mean() > OUTSIDE:
        low, high = np.quantile(film, (OUTSIDE, 1 - OUTSIDE))
        return float(low), float(high), False
    values = np.clip(np.where(padding, 0, stored), 0, FULL).astype(np.uint16)
    stated = (1 << int(dataset.BitsStored)) - 1  # matters for 9, 11, 13 and 15 bits
    white = find_white(values)
    return 0.0, float(stated if values.max() <= stated < white else white), True


def implied_window(dataset: Any, decoded: Values) -> tuple[float, float] | None:
    """Return center and width of the window LINEAR_EXACT that shows a grey frame as it is shown without a window.

    Return None if the file has a window or table, or stores up to 8 bits: its values then do not decide.
    """
    stored, padding = used_bits(dataset, decoded), find_padding(dataset, decoded)
    if dataset.get("VOILUTSequence") or _window(dataset) is not None or stored.dtype == np.uint8:
        return None
    slope, intercept = float(dataset.get("RescaleSlope") or 1), float(dataset.get("RescaleIntercept") or 0)
    if dataset.get("ModalityLUTSequence"):
        stored, slope, intercept = _rescaled(dataset, stored), 1.0, 0.0
    low, high, _ = _find_range(dataset, stored, padding)
    return (low + high) / 2 * slope + intercept, (high - low) * abs(slope)
