"""Clean one film: detect its markers, mask them and erase them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from preprocess.detectors.ocr import Detector
from preprocess.detectors.reading import Grey
from preprocess.errors import AreaError
from preprocess.images import Array, to_grey8
from preprocess.inpainting.inpaint import grey_of, inpaint
from preprocess.inpainting.jpeg_blocks import blockiness, ringing
from preprocess.inpainting.plain_fills import box_fill, flat_fill, noise_fill
from preprocess.markers import Marker, lies_on
from preprocess.mask import Mask, marker_mask
from preprocess.settings import CleanSettings


def to_erase(markers: Sequence[Marker], settings: CleanSettings) -> list[Marker]:
    """Return the markers that the settings `keep`, `only` and `plates` leave to erase, in their order.

    A marker whose text could not be read matches nothing: `keep` does not save it, `only` does not pick it. A
    plate follows the letters on it: it stays where one of them stays, and with `only` it goes where one goes.
    """
    letters = [marker for marker in markers if marker.style != "plate"]
    going = [marker for marker in letters if _goes(marker, settings)]
    staying = [marker for marker in letters if marker not in going]
    plates = [
        plate
        for plate in markers
        if plate.style == "plate"
        and settings.plates
        and not any(lies_on(marker, plate) for marker in staying)
        and (not settings.only or any(lies_on(marker, plate) for marker in going))
    ]
    return [marker for marker in markers if marker in going or marker in plates]


def _goes(marker: Marker, settings: CleanSettings) -> bool:
    if settings.keep and _matches(settings.keep, marker):
        return False
    return not settings.only or _matches(settings.only, marker)


def _matches(pattern: str, marker: Marker) -> bool:
    return marker.text != "" and re.search(pattern, marker.text) is not None


BLOCKS_SHOW = 1.08  # blockiness from which what JPEG left of a marker in its blocks may be seen


@dataclass(frozen=True)
class Cleaned:
    """An image without its markers, the (H, W) mask of what was filled, and the markers."""

    image: Array
    mask: Mask
    markers: tuple[Marker, ...]


def clean_image(image: Array, detector: Detector, settings: CleanSettings) -> Cleaned:
    """Find and erase the markers of one image; every pixel outside the mask stays as it is.

    Args:
        image: (H, W) or (H, W, 3), uint8 or uint16; not modified.
    Raises:
        AreaError: more of the image would be erased than the settings allow.
    """
    return erase(image, find_markers(to_grey8(image), detector, settings), settings)


def find_markers(image: Grey, detector: Detector, settings: CleanSettings) -> list[Marker]:
    """Return what the detector finds on an (H, W) uint8 image and is sure enough of."""
    return [marker for marker in detector.detect(image) if marker.confidence >= settings.min_confidence]


def erase(image: Array, markers: Sequence[Marker], settings: CleanSettings) -> Cleaned:
    """Erase those of these markers that the settings choose; see `clean_image`."""
    going = to_erase(markers, settings)
    mask = mask_of(image.shape, going, settings)
    if mask.any() and blockiness(grey := grey_of(image)) > BLOCKS_SHOW:
        printed = [marker for marker in going if marker.style != "plate"]  # a plate is too faint to ring
        mask |= ringing(grey, mask, marker_mask(image.shape, printed, grow_fraction=0, grow_px=0))
    _guard(float(mask.mean()), settings.max_fraction)
    return Cleaned(fill(image, mask, settings.mode), mask, tuple(going))


def fill(image: Array, mask: Mask, mode: str) -> Array:
    """Fill the masked pixels in one of the ways of `CleanSettings.mode`; return all others unchanged."""
    if mode == "fill":
        return flat_fill(image, mask)
    if mode == "noise":
        return noise_fill(image, mask)
    return box_fill(image, mask) if mode == "box" else inpaint(image, mask)


def _guard(fraction: float, limit: float) -> None:
    if fraction > limit:
        raise AreaError(
            f"{fraction:.1%} of the film would be erased, allowed are {limit:.1%}; look whether these are markers, "
            "and correct them with --markers or allow more with --max-fraction"
        )


def mask_of(shape: tuple[int, ...], markers: Sequence[Marker], settings: CleanSettings) -> Mask:
    """Return the (H, W) mask of these markers, grown as the settings say."""
    return marker_mask(shape, markers, grow_fraction=settings.grow_fraction, grow_px=settings.grow_px)
