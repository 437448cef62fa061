"""Join what several detectors find."""

from collections.abc import Sequence
from dataclasses import dataclass

from preprocess.detect import OVERLAP, Detector, overlap
from preprocess.markers import Marker
from preprocess.reading import Grey


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
