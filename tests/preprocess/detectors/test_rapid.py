import sys

import numpy as np
import pytest

from preprocess.detectors.rapid import RapidReader
from preprocess.errors import DetectorError
from preprocess.markers import quad_box

from ..conftest import film, write_text


def test_upright_text_is_found_and_read() -> None:
    reader = RapidReader()
    image = write_text(film(shape=(160, 320)), "LA92", (140, 100), 1.5)
    (quad, score) = max(reader.find(image), key=lambda scored: scored[1])
    x0, y0, x1, y1 = quad_box(quad)
    assert score > 0.5
    assert x0 <= 145
    assert x1 >= 250
    text, confidence = reader.read(image[int(y0) : int(y1), int(x0) : int(x1)])
    assert text == "LA92"
    assert confidence > 0.8


def test_an_empty_film_has_no_text() -> None:
    assert RapidReader().find(np.zeros((64, 64), np.uint8)) == []


def test_a_missing_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(DetectorError, match=r"rapidocr cannot be started .*pip install --force-reinstall"):
        RapidReader()
