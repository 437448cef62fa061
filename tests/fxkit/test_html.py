"""Pictures as data URIs."""

import base64
from pathlib import Path

import cv2
import numpy as np

from fxkit.html import picture_uri, small_picture_uri


def test_a_picture_for_a_notebook_keeps_its_size_and_nearly_its_colours(tmp_path: Path) -> None:
    steps = np.tile(np.linspace(0, 255, 400).astype(np.uint8), (300, 1))
    drawn = np.stack([steps, 255 - steps, np.full_like(steps, 128)], axis=2)
    cv2.imwrite(str(tmp_path / "figure.png"), drawn)
    uri = small_picture_uri(tmp_path / "figure.png")
    assert uri is not None
    assert uri.startswith("data:image/png;base64,")
    data = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    read = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert read.shape == drawn.shape
    assert np.abs(read.astype(int) - drawn).max() < 16
    assert len(np.unique(read.reshape(-1, 3), axis=0)) <= 48


def test_a_missing_picture_is_none(tmp_path: Path) -> None:
    assert small_picture_uri(tmp_path / "none.png") is None
    assert picture_uri(tmp_path / "none.png") is None
