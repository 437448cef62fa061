"""Build the detector that the settings name, and combine several detectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.detectors.ocr import OVERLAP, Detector, TurnedDetector, overlap
from preprocess.detectors.reading import Grey, TextReader
from preprocess.markers import Marker
from preprocess.settings import CleanSettings


@dataclass(frozen=True)
class UnionDetector:
    """A Detector that returns the markers of several detectors.

    If two of them find the same marker, that of the first detector is returned.
    """

    detectors: Sequence[Detector]

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, with quads in pixels of that image."""
        markers: list[Marker] = []
        for detector in self.detectors:
            detected = detector.detect(image)
            markers += [marker for marker in detected if not _is_among(marker, markers)]
        return markers


def _is_among(marker: Marker, markers: Sequence[Marker]) -> bool:
    return any(
        marker.style != "plate" != other.style and overlap(marker.quad, other.quad) >= OVERLAP for other in markers
    )


def build_detector(settings: CleanSettings, *, threads: int = 1, easyocr_models: str | Path | None = None) -> Detector:
    """Build the detector that the settings name. It can be used for any number of images.

    Args:
        threads: number of processor threads that it may use.
        easyocr_models: folder of easyocr's networks; by default easyocr's own folder.
    Raises:
        DetectorError: the detector or its model files are missing.
    """
    name, reader = settings.detector, _build_reader(settings, threads, easyocr_models)
    if name in ("rapidocr", "easyocr") and reader:
        return _build_ocr(reader, settings)
    from preprocess.detectors.markernet import MarkerNetDetector

    network = MarkerNetDetector(settings.weights, threads, reader if settings.read_text else None)
    return UnionDetector((network, _build_ocr(reader, settings))) if name == "union" and reader else network


def _build_reader(settings: CleanSettings, threads: int, easyocr_models: str | Path | None) -> TextReader | None:
    if settings.detector == "easyocr":
        from preprocess.detectors.easy import EasyReader

        return EasyReader(None if easyocr_models is None else Path(easyocr_models), threads)
    if settings.detector == "markernet" and not settings.read_text:
        return None
    from preprocess.detectors.rapid import RapidReader

    return RapidReader(threads)


def _build_ocr(reader: TextReader, settings: CleanSettings) -> TurnedDetector:
    return TurnedDetector(
        reader,
        side_px=settings.side_px,
        enlarge=settings.enlarge,
        turns=settings.turns,
        find_mirrored=settings.find_mirrored,
        label_boxes=settings.label_boxes,
    )
