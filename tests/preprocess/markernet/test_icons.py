import numpy as np
import pytest

from preprocess.markernet.icons import _draw_pictogram, draw_icon
from preprocess.markernet.lettering import PICTOGRAMS, list_fonts, trim, typeset


def test_icons_have_ink_and_no_text() -> None:
    icons = [draw_icon(rng) for rng in map(np.random.default_rng, range(200))]
    assert all(icon.text == "" and icon.ink.max() > 64 for icon in icons)
    assert len({icon.ink.tobytes() for icon in icons}) > 100


def test_glyphs_that_the_icon_font_lacks_are_not_drawn() -> None:
    pytest.importorskip(PICTOGRAMS)
    (font,) = list_fonts((PICTOGRAMS,))[:1]
    box = trim(typeset(chr(0xFFFF), font, 96))
    assert not any(np.array_equal(_draw_pictogram(rng), box) for rng in map(np.random.default_rng, range(300)))
