"""Clean one film: detect its markers, mask them and erase them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.blocks import blockiness, ringing
from preprocess.detect import Detector, TurnedDetector
from preprocess.errors import AreaError
from preprocess.images import Array, to_grey8
from preprocess.inpaint import grey_of, inpaint
from preprocess.markers import Marker
from preprocess.mask import Mask, marker_mask
from preprocess.plain_fills import box_fill, flat_fill, noise_fill
from preprocess.reading import Grey, TextReader
from preprocess.selection import to_erase
from preprocess.settings import CleanSettings
from preprocess.union import UnionDetector

BLOCKS_SHOW = 1.08  # blockiness from which what JPEG left of a marker in its blocks may be seen


@dataclass(frozen=True)
class Cleaned:
    """An image without its markers, the (H, W) mask of what was filled, and the markers."""

    image: Array
    mask: Mask
    markers: tuple[Marker, ...]


def build_detector(settings: CleanSettings, *, threads: int = 1, easyocr_models: str | Path | None = None) -> Detector:
    """Build the detector that the settings name; it can be used for any number of images.

    Args:
        threads: processor threads that it may use.
        easyocr_models: folder of easyocr's networks, if not its usual one.
    Raises:
        DetectorError: it or its models are missing.
    """
    name, reader = settings.detector, _build_reader(settings, threads, easyocr_models)
    if name in ("rapidocr", "easyocr") and reader:
        return _turned(reader, settings)
    from preprocess.detectors.markernet import MarkerNetDetector

    network = MarkerNetDetector(settings.weights, threads, reader if settings.read_text else None)
    return UnionDetector((network, _turned(reader, settings))) if name == "union" and reader else network


def _build_reader(settings: CleanSettings, threads: int, easyocr_models: str | Path | None) -> TextReader | None:
    if settings.detector == "easyocr":
        from preprocess.detectors.easy import EasyReader

        return EasyReader(None if easyocr_models is None else Path(easyocr_models), threads)
    if settings.detector == "markernet" and not settings.read_text:
        return None
    from preprocess.detectors.rapid import RapidReader

    return RapidReader(threads)


def _turned(reader: TextReader, settings: CleanSettings) -> TurnedDetector:
    return TurnedDetector(
        reader,
        side_px=settings.side_px,
        enlarge=settings.enlarge,
        turns=settings.turns,
        find_mirrored=settings.find_mirrored,
        label_boxes=settings.label_boxes,
    )


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
