"""Find markers in any orientation with the project's own network. The network is run again on doubtful regions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from preprocess.detectors.reading import Grey, TextReader, read_markers
from preprocess.detectors.regions import (
    MULTIPLE,
    STRIDE,
    Logits,
    Region,
    find_regions,
    split_region,
    strokes_of,
    styles_of,
)
from preprocess.detectors.second_look import Film, second_look
from preprocess.detectors.tight_quads import tighten
from preprocess.errors import DetectorError
from preprocess.markers import Marker, Quad, lies_on, with_strokes
from preprocess.settings import NETWORK

STYLES = ("burned", "label", "lead", "symbol", "annotation")

CHANNELS = 10

CHANNELS_BEFORE = 9  # of networks of fxkit 0.1, which know no annotations

SIDE_PX = 1024  # longest side of the film that the network sees

MAX_ENLARGEMENT = 2.0  # small films are enlarged by no more than this factor

CORE = -2.0  # a marker has a few pixels whose logit reaches this

EDGE = -3.0  # adjoining pixels with a logit from here on belong to the marker too

OUTLINE = 0.0  # pixels with a logit from here on count for the quad

FAINT_MARGIN = 5.0  # in faint markers, pixels count for the quad from this far below the mean logit

PLATE_CORE, PLATE_EDGE = (
    0.0,
    1.5,
)  # CORE and EDGE for plates; stricter, so that doubtful pixels are kept

# added to the logits before they become a confidence: faint marks are often markers, but seldom lead
STYLE_SHIFT = {"burned": 1.5, "label": 1.0, "lead": -0.4, "symbol": 1.0, "annotation": 1.0}

BRIGHT = 110  # films with a higher median grey level are darkened; nearly all training films are below it

GREY_RANGE = (9, 245)  # grey levels that count for the median: without the black around a film and overexposed areas

MAX_GAMMA = 3.0

INK_FRACTION = 0.15  # see `tighten`; low, so that print beside a much brighter letter counts as ink


def film_scale(shape: tuple[int, ...]) -> float:
    """Return the factor by which a film of this shape is scaled for the network."""
    return min(SIDE_PX / max(shape[:2]), MAX_ENLARGEMENT)


def resize_film(image: Grey) -> Grey:
    """Return an (H, W) uint8 film at the size that the network sees."""
    scale = film_scale(image.shape)
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def darken_bright_film(film: Grey) -> Grey:
    """Apply a gamma to an (H, W) uint8 film that is brighter than the training films, such as a chest film.

    The gamma brings the median to BRIGHT, but is at most MAX_GAMMA. Darker films are returned unchanged.
    """
    counts = np.bincount(film.ravel(), minlength=256)[slice(*GREY_RANGE)].cumsum()
    median = GREY_RANGE[0] + int(np.searchsorted(counts, counts[-1] / 2))
    if counts[-1] == 0 or median <= BRIGHT:
        return film
    gamma = min(float(np.log(BRIGHT / 255) / np.log(median / 255)), MAX_GAMMA)
    levels = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return levels[film]


def pad_film(film: Grey) -> Grey:
    """Pad a film with black below and on the right, so that both sides are multiples of MULTIPLE."""
    return np.pad(film, [(0, -side % MULTIPLE) for side in film.shape])


def sigmoid(logits: Logits) -> Logits:
    """Convert logits of any shape to probabilities."""
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


class MarkerNetDetector:
    """A Detector that uses the marker network.

    Args:
        weights: ONNX file; empty for the network that comes with the package.
        threads: number of processor threads that it may use.
        reader: reads the text of the markers. Without a reader, markers have no text.
    Raises:
        DetectorError: the file cannot be read, or is not a marker network.
    """

    def __init__(self, weights: str | Path = "", threads: int = 1, reader: TextReader | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        file = weights or NETWORK
        try:
            self._session: Any = onnxruntime.InferenceSession(str(file), options)
            shapes = [tensor.shape for tensor in (*self._session.get_inputs(), *self._session.get_outputs())]
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise DetectorError(
                f"{file}: cannot be loaded ({reason}); expected an .onnx of `fxkit markernet`"
            ) from error
        if [shape[1:2] for shape in shapes] not in ([[1], [CHANNELS]], [[1], [CHANNELS_BEFORE]]):
            raise DetectorError(f"{file}: not a marker network; expected the .onnx of `fxkit markernet`")
        self._reader = reader

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, plates included, with quads in pixels of that image."""
        small = resize_film(image)
        film = pad_film(darken_bright_film(small)).astype(np.float32)
        rows, columns = (-(-side // STRIDE) for side in small.shape)
        logits = second_look(self._run, film, self._run(film))[:, :rows, :columns]
        scale = np.divide(image.shape[::-1], small.shape[::-1]) * STRIDE
        regions = [part for region in find_regions(logits[0], CORE, EDGE) for part in split_region(logits, region)]
        markers = [build_marker(image, logits, region, scale) for region in regions]
        with_text = read_markers(image, markers, self._reader) if self._reader else markers
        return with_text + find_plates(logits, scale, markers)

    def _run(self, film: Film) -> Logits:
        return np.asarray(self._session.run(None, {"film": film[None, None]})[0][0])


def build_marker(image: Grey, logits: Logits, region: Region, scale: NDArray[np.float64]) -> Marker:
    """Make a marker from a region.

    The confidence is the mean probability of the more certain half of its pixels, with logits shifted by STYLE_SHIFT.

    Args:
        image: (H, W) uint8 film at full size.
        scale: factors (x, y) from coordinates of the logits to those of the image.
    """
    values = region.values(logits)
    certain = np.sort(values[0])[values.shape[1] // 2 :]
    style = STYLES[int(styles_of(values).mean(1).argmax())]
    quad = region.above(logits[0], min(OUTLINE, float(certain.mean()) - FAINT_MARGIN)).quad(scale)
    if style in ("burned", "lead"):
        quad = tighten(image, quad, INK_FRACTION)
    if style not in ("symbol", "annotation"):
        quad = in_reading_order(quad, values[6:8].mean(1), bool(values[8].mean() > 0))
    confidence = float(sigmoid(certain + np.float32(STYLE_SHIFT[style])).mean())
    marker = Marker(quad, confidence=round(confidence, 4), style=style)
    return with_strokes(marker, strokes_of(region, scale)) if style == "annotation" else marker


def in_reading_order(quad: Quad, up: NDArray[np.float32], mirrored: bool) -> Quad:
    """Order the corners of a clockwise quad by its text, whose top points along `up` (x, y).

    The result runs counter-clockwise if the text is mirrored.
    """
    points = np.array(quad)
    sides = np.roll(points, -1, axis=0) - points
    outward = np.column_stack([sides[:, 1], -sides[:, 0]])
    top = int((outward @ up).argmax())
    ordered = [quad[(top + step) % 4] for step in range(4)]
    a, b, c, d = (ordered[1], ordered[0], ordered[3], ordered[2]) if mirrored else ordered
    return (a, b, c, d)


def find_plates(logits: Logits, scale: NDArray[np.float64], markers: list[Marker]) -> list[Marker]:
    """Return the plates under the lead letters among the markers.

    The confidence of a plate is at most the highest confidence of the letters on it.
    """
    letters = [marker for marker in markers if marker.style == "lead"]
    regions = find_regions(logits[5], PLATE_CORE, PLATE_EDGE) if letters else []
    plates = []
    for region in regions:
        confidence = round(float(sigmoid(region.values(logits)[5]).mean()), 4)
        plate = Marker(region.quad(scale), confidence=confidence, style="plate")
        limit = max((letter.confidence for letter in letters if lies_on(letter, plate)), default=0.0)
        if limit:
            plates.append(replace(plate, confidence=min(confidence, limit)))
    return plates
