"""Clean one film: detect its markers, mask them and fill the mask."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from preprocess.detectors.ocr import Detector
from preprocess.detectors.reading import Grey
from preprocess.errors import AreaError
from preprocess.grey_levels import from_full_scale, to_full_scale, white_of, with_white
from preprocess.images import Array, to_grey8
from preprocess.inpainting.inpaint import inpaint, to_grey_levels
from preprocess.inpainting.jpeg_blocks import blockiness, find_ringing
from preprocess.inpainting.plain_fills import box_fill, flat_fill, noise_fill
from preprocess.markers import PERSON, Marker, lies_on
from preprocess.mask import Mask, marker_mask
from preprocess.settings import CleanSettings

VISIBLE_BLOCKINESS = 1.08  # from here on, JPEG blocks may show where a marker was


ROUNDS = 2  # times that markers are searched and erased; what the first round uncovers or leaves, the second erases


@dataclass(frozen=True)
class Cleaned:
    """An image without its markers.

    Attributes:
        image: the image.
        mask: (H, W) bool, the pixels that were filled.
        markers: the erased markers.
        residual: markers that are still found on the image. Empty if no detector searched.
    """

    image: Array
    mask: Mask
    markers: tuple[Marker, ...]
    residual: tuple[Marker, ...] = ()


def clean_image(image: Array, detector: Detector, settings: CleanSettings) -> Cleaned:
    """Find and erase the markers of one image. Pixels outside the mask do not change.

    A cleaned image is searched again. What is found there is erased too, and `residual` is what is found after that.

    Args:
        image: (H, W) or (H, W, 3), uint8 or uint16; not modified.
    Raises:
        AreaError: more of the image would be erased than `settings.max_fraction`.
    """
    cleaned = erase(image, find_markers(to_grey8(image), detector, settings), settings)
    for _ in range(1, ROUNDS):
        cleaned = search_again(cleaned, detector, settings)
        known_and_new = tuple(dict.fromkeys((*cleaned.markers, *cleaned.residual)))
        if known_and_new == cleaned.markers:
            return cleaned
        try:
            cleaned = erase(image, known_and_new, settings)
        except AreaError:
            return cleaned
    return search_again(cleaned, detector, settings)


def search_again(cleaned: Cleaned, detector: Detector, settings: CleanSettings) -> Cleaned:
    """Return a cleaned image with the markers that are still found on it and that the settings would erase."""
    if not cleaned.mask.any():
        return cleaned
    residual = choose_markers(find_markers(to_grey8(cleaned.image), detector, settings), settings)
    return replace(cleaned, residual=tuple(residual))


def find_markers(image: Grey, detector: Detector, settings: CleanSettings) -> list[Marker]:
    """Return the markers on an (H, W) uint8 image whose confidence is at least `settings.min_confidence`."""
    return [marker for marker in detector.detect(image) if marker.confidence >= settings.min_confidence]


def erase(image: Array, markers: Sequence[Marker], settings: CleanSettings) -> Cleaned:
    """Erase the given markers, except those that the settings leave out; see `choose_markers` and `clean_image`."""
    chosen = choose_markers(markers, settings)
    mask = build_mask(image.shape, chosen, settings)
    if mask.any() and blockiness(grey := to_grey_levels(_on_full_scale(image))) > VISIBLE_BLOCKINESS:
        printed = [marker for marker in chosen if marker.style != "plate"]  # plates are too faint to cause ringing
        mask |= find_ringing(grey, mask, marker_mask(image.shape, printed, grow_fraction=0, grow_px=0))
    _check_area(float(mask.mean()), settings.max_fraction)
    return Cleaned(fill(image, mask, settings.mode), mask, tuple(chosen))


def fill(image: Array, mask: Mask, mode: str) -> Array:
    """Fill the masked pixels as `CleanSettings.mode` says, and return a new image. Other pixels do not change.

    A uint16 image is filled on its full scale, so that a film of 12 bits is cleaned like the same film of 16 bits and
    no filled pixel is brighter than its white.
    """
    if image.dtype == np.uint8:
        return _fill(image, mask, mode)
    white = white_of(image)
    filled = with_white(image.copy(), white)  # so that erased letters do not change the scale
    filled[mask] = from_full_scale(_fill(to_full_scale(image, white), mask, mode)[mask], white)
    return filled


def _on_full_scale(image: Array) -> Array:
    return image if image.dtype == np.uint8 else to_full_scale(image, white_of(image))


def _fill(image: Array, mask: Mask, mode: str) -> Array:
    if mode == "fill":
        return flat_fill(image, mask)
    if mode == "noise":
        return noise_fill(image, mask)
    return box_fill(image, mask) if mode == "box" else inpaint(image, mask)


def build_mask(shape: tuple[int, ...], markers: Sequence[Marker], settings: CleanSettings) -> Mask:
    """Return the (H, W) mask of the markers, with the margin that the settings ask for."""
    return marker_mask(shape, markers, grow_fraction=settings.grow_fraction, grow_px=settings.grow_px)


def choose_markers(markers: Sequence[Marker], settings: CleanSettings) -> list[Marker]:
    """Return the markers to erase by the settings `keep`, `only` and `plates`, in their original order.

    A marker without text matches no pattern: `keep` does not keep it, and `only` does not choose it. A plate follows
    the letters on it. It stays if any of them stays; if `only` is set, it is erased only if one of them is erased.
    Markers without text that a person drew or confirmed are always erased, plates too.
    """
    letters = [marker for marker in markers if marker.style != "plate" or _is_a_persons(marker)]
    erased = [marker for marker in letters if _is_chosen(marker, settings)]
    kept = [marker for marker in letters if marker not in erased]
    plates = [
        plate
        for plate in markers
        if plate.style == "plate"
        and not _is_a_persons(plate)
        and settings.plates
        and not any(lies_on(marker, plate) for marker in kept)
        and (not settings.only or any(lies_on(marker, plate) for marker in erased))
    ]
    return [marker for marker in markers if marker in erased or marker in plates]


def _is_a_persons(marker: Marker) -> bool:
    return marker.source == PERSON and not marker.text


def _is_chosen(marker: Marker, settings: CleanSettings) -> bool:
    if _is_a_persons(marker):
        return True
    if settings.keep and _matches(settings.keep, marker):
        return False
    return not settings.only or _matches(settings.only, marker)


def _matches(pattern: str, marker: Marker) -> bool:
    return marker.text != "" and re.search(pattern, marker.text) is not None


def _check_area(fraction: float, limit: float) -> None:
    if fraction > limit:
        raise AreaError(
            f"{fraction:.1%} of the film would be erased, more than the limit of {limit:.1%}; check whether these "
            "are markers; correct them with --markers, or raise the limit with --max-fraction"
        )
