"""Join what several detectors find."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.detectors.ocr import OVERLAP, Detector, TurnedDetector, overlap
from preprocess.detectors.reading import Grey, TextReader
from preprocess.markers import Marker
from preprocess.settings import CleanSettings


@dataclass(frozen=True)
class UnionDetector:
    """A Detector that finds what any of several finds; where they agree, the first one's marker counts."""

    detectors: Sequence[Detector]

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, quads in its pixels."""
        found: list[Marker] = []
        for detector in self.detectors:
            new = detector.detect(image)
            found += [marker for marker in new if not _among(marker, found)]
        return found


def _among(marker: Marker, found: Sequence[Marker]) -> bool:
    return any(
        marker.style != "plate" != other.style and overlap(marker.quad, other.quad) >= OVERLAP for other in found
    )


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
