"""Find markers with the project's own network: at any angle, mirrored or not; where one look leaves doubt, in eight."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from preprocess.detectors.reading import Grey, TextReader, read_markers
from preprocess.detectors.regions import MULTIPLE, STRIDE, Region, Said, pieces, regions
from preprocess.detectors.second_look import Film, second_look
from preprocess.detectors.tight_quads import tighten
from preprocess.errors import DetectorError
from preprocess.markers import Marker, Quad, lies_on
from preprocess.settings import NETWORK

STYLES = ("burned", "label", "lead", "symbol")

CHANNELS = 9

SIDE_PX = 1024  # longest side of the film that the network sees

LARGEST_SCALE = 2.0  # by which small films are enlarged at most

CORE = -2.0  # logit that a few pixels of a marker reach

EDGE = -3.0  # logit from which a pixel that adjoins them belongs to it too

OUTLINE, FAINTER = 0.0, 5.0  # logit from which it counts for the quad; in faint markers so much below the mean

PLATE_CORE, PLATE_EDGE = 0.0, 1.5  # the same of a plate, which is faint: what is not surely plate stays

# added to logits before they become a confidence: what is faint is often a marker, but seldom of lead
CONFIDENCE = {"burned": 1.5, "label": 1.0, "lead": -0.4, "symbol": 1.0}

BRIGHT = 110  # median grey level from which a film is shown darker; all but few that were trained on lie below

GREYS = (9, 245)  # levels that count for it: neither what is black around a film nor what is burnt out

MOST_GAMMA = 3.0

INK = 0.15  # as `tighten` has it; print beside a far brighter letter is ink too


def film_scale(shape: tuple[int, ...]) -> float:
    """Return by how much a film of this shape is scaled before the network sees it."""
    return min(SIDE_PX / max(shape[:2]), LARGEST_SCALE)


def resize_film(image: Grey) -> Grey:
    """Return the film, (H, W) uint8, at the size at which the network sees it."""
    scale = film_scale(image.shape)
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def darken_bright_film(film: Grey) -> Grey:
    """Return an (H, W) uint8 film as bright as most that were trained on: brighter ones, as of chests, with a gamma."""
    counts = np.bincount(film.ravel(), minlength=256)[slice(*GREYS)].cumsum()
    median = GREYS[0] + int(np.searchsorted(counts, counts[-1] / 2))
    if counts[-1] == 0 or median <= BRIGHT:
        return film
    gamma = min(float(np.log(BRIGHT / 255) / np.log(median / 255)), MOST_GAMMA)
    levels = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return levels[film]


def pad_film(film: Grey) -> Grey:
    """Return the film with black added below and to the right, so that its sides are multiples of MULTIPLE."""
    return np.pad(film, [(0, -side % MULTIPLE) for side in film.shape])


def sigmoid(logits: Said) -> Said:
    """Return the probabilities, 0 to 1, for logits of any shape."""
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


class MarkerNetDetector:
    """A Detector on the marker network.

    Args:
        weights: an ONNX file; empty for the network that comes with the package.
        threads: processor threads that it may use.
        reader: reads what is found; without one, markers have no text.
    Raises:
        DetectorError: the file cannot be read or is no such network.
    """

    def __init__(self, weights: str | Path = "", threads: int = 1, reader: TextReader | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        file = weights or NETWORK
        try:
            self._session: Any = onnxruntime.InferenceSession(str(file), options)
            shapes = [place.shape for place in (*self._session.get_inputs(), *self._session.get_outputs())]
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise DetectorError(
                f"{file}: cannot be loaded ({reason}); expected an .onnx of `fxkit markernet`"
            ) from error
        if [shape[1:2] for shape in shapes] != [[1], [CHANNELS]]:
            raise DetectorError(
                f"{file}: another network than the marker network; expected the .onnx of `fxkit markernet`"
            )
        self._reader = reader

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, and the plates under lead letters, quads in its pixels."""
        small = resize_film(image)
        film = pad_film(darken_bright_film(small)).astype(np.float32)
        rows, columns = (-(-side // STRIDE) for side in small.shape)
        said = second_look(self._said, film, self._said(film))[:, :rows, :columns]
        scale = np.divide(image.shape[::-1], small.shape[::-1]) * STRIDE
        found = [piece for region in regions(said[0], CORE, EDGE) for piece in pieces(said, region)]
        markers = [marker_of(image, said, piece, scale) for piece in found]
        read = read_markers(image, markers, self._reader) if self._reader else markers
        return read + plates(said, scale, markers)

    def _said(self, film: Film) -> Said:
        return np.asarray(self._session.run(None, {"film": film[None, None]})[0][0])


def marker_of(image: Grey, said: Said, region: Region, scale: NDArray[np.float64]) -> Marker:
    """Return the marker of one region; its confidence is the mean probability of its surer half, shifted by style."""
    here = region.of(said)
    sure = np.sort(here[0])[here.shape[1] // 2 :]
    style = STYLES[int(here[1:5].mean(1).argmax())]
    quad = region.above(said[0], min(OUTLINE, float(sure.mean()) - FAINTER)).quad(scale)
    if style in ("burned", "lead"):
        quad = tighten(image, quad, INK)
    if style != "symbol":
        quad = in_reading_order(quad, here[6:8].mean(1), bool(here[8].mean() > 0))
    return Marker(quad, confidence=round(float(sigmoid(sure + np.float32(CONFIDENCE[style])).mean()), 4), style=style)


def in_reading_order(quad: Quad, up: NDArray[np.float32], mirrored: bool) -> Quad:
    """Order the corners so that the text's top points along `up`; mirrored text runs counter-clockwise."""
    points = np.array(quad)
    sides = np.roll(points, -1, axis=0) - points
    outward = np.column_stack([sides[:, 1], -sides[:, 0]])  # it runs clockwise as seen, as `around` makes it
    top = int((outward @ up).argmax())
    ordered = [quad[(top + step) % 4] for step in range(4)]
    a, b, c, d = (ordered[1], ordered[0], ordered[3], ordered[2]) if mirrored else ordered
    return (a, b, c, d)


def plates(said: Said, scale: NDArray[np.float64], markers: list[Marker]) -> list[Marker]:
    """Return the plates on which lead letters of these markers lie; none is surer than the surest of its letters."""
    letters = [marker for marker in markers if marker.style == "lead"]
    found = [_plate(said, region, scale) for region in regions(said[5], PLATE_CORE, PLATE_EDGE)] if letters else []
    sure = [max((letter.confidence for letter in letters if lies_on(letter, plate)), default=0.0) for plate in found]
    return [
        replace(plate, confidence=min(plate.confidence, most)) for plate, most in zip(found, sure, strict=True) if most
    ]


def _plate(said: Said, region: Region, scale: NDArray[np.float64]) -> Marker:
    sure = round(float(sigmoid(region.of(said)[5]).mean()), 4)
    return Marker(region.quad(scale), confidence=sure, style="plate")
