from pathlib import Path

import pytest

from preprocess.errors import OutputError
from preprocess.known_markers import KnownMarkers, read_known_markers
from preprocess.markers import MarkedImage
from preprocess.settings import CleanSettings


def test_the_longest_matching_path_is_found() -> None:
    images = {"1.png": MarkedImage(1, 1), "a/1.png": MarkedImage(2, 2)}
    known = KnownMarkers(images, CleanSettings())
    assert known.find("1.png") == known.find("b/1.png") == images["1.png"]
    assert known.find("there/a/1.png") == images["a/1.png"]
    assert known.find("11.png") is None
    assert known.mask("a/2.png") is None
    mask = known.mask("a/1.png")
    assert mask is not None
    assert mask.shape == (2, 2)


def test_a_folder_without_a_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the ledger cannot be read"):
        read_known_markers(tmp_path)
