"""Which image's markers belong to a path."""

from fxkit.known_markers import KnownMarkers
from preprocess.markers import MarkedImage
from preprocess.settings import CleanSettings


def test_the_longest_end_of_a_path_is_found() -> None:
    images = {"1.png": MarkedImage(1, 1), "a/1.png": MarkedImage(2, 2)}
    known = KnownMarkers(images, CleanSettings())
    assert known.find("1.png") == known.find("b/1.png") == images["1.png"]
    assert known.find("there/a/1.png") == images["a/1.png"]
    assert known.find("11.png") is None
    assert known.mask("a/2.png") is None
    mask = known.mask("a/1.png")
    assert mask is not None
    assert mask.shape == (2, 2)
