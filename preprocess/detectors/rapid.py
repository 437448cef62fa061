"""Find and read text with rapidocr. Its package contains the PP-OCR networks, so it works offline."""

from typing import Any

import cv2
import numpy as np

from preprocess.detectors.reading import Grey, ScoredQuad
from preprocess.errors import DetectorError
from preprocess.markers import as_quad

MIN_SCORE = 0.3  # text with a lower score is not returned; CleanSettings.min_confidence decides later


class RapidReader:
    """A TextReader that uses rapidocr 3.

    Args:
        threads: number of processor threads that each of its networks may use.
    Raises:
        DetectorError: rapidocr is missing or cannot load its models.
    """

    def __init__(self, threads: int = 1) -> None:
        try:
            from rapidocr import RapidOCR

            self._engine: Any = RapidOCR(params=_parameters(threads))
        except Exception as error:
            raise DetectorError(
                f"rapidocr cannot be started ({type(error).__name__}: {error}); reinstall it with: "
                "pip install --force-reinstall 'rapidocr>=3.10,<4' onnxruntime"
            ) from error

    def find(self, image: Grey) -> list[ScoredQuad]:
        """Return the quads in an (H, W) uint8 image that may hold text, with scores from 0 to 1."""
        result = self._engine(_to_bgr(image), use_det=True, use_cls=False, use_rec=False)
        if result.boxes is None:
            return []
        return [(as_quad(box), float(score)) for box, score in zip(result.boxes, result.scores, strict=True)]

    def read(self, image: Grey) -> tuple[str, float]:
        """Return the text of an (H, W) uint8 image that holds one line, and the confidence from 0 to 1."""
        result = self._engine(_to_bgr(image), use_det=False, use_cls=False, use_rec=True)
        return (result.txts[0], float(result.scores[0])) if result.txts else ("", 0.0)


def _to_bgr(image: Grey) -> Grey:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)


def _parameters(threads: int) -> dict[str, Any]:
    """Return rapidocr's parameters. They keep it from scaling the film, which already has the right size."""
    return {
        "Global.log_level": "error",
        "Global.max_side_len": 4096,
        "Global.min_side_len": 1,
        "Det.limit_type": "max",
        "Det.limit_side_len": 4096,
        "Det.box_thresh": MIN_SCORE,
        "Rec.rec_img_shape": [3, 48, 48],  # shorter text is padded to this width; most markers are short
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
