from pathlib import Path

import numpy as np
import pytest

from preprocess.markernet.lettering import (
    HEIGHTS_PX,
    SYMBOL_FONTS,
    choose_text,
    draw_line,
    list_fonts,
    list_typefaces,
    trim,
    typeset,
)


def rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


@pytest.mark.parametrize("file", list_typefaces(), ids=lambda file: Path(file).stem)
def test_every_typeface_draws_letters(file: str) -> None:
    left, right = (typeset(side, file, 32) for side in "LR")
    assert left.dtype == np.uint8
    assert left.max() == right.max() == 255
    assert left.shape != right.shape or not np.array_equal(left, right)  # not the box of a missing glyph
    assert 16 <= trim(right).shape[0] <= 48


def test_symbol_fonts_are_excluded() -> None:
    names = [Path(file).name for file in list_typefaces()]
    assert "DejaVuSans.ttf" in names
    assert [name for name in names if name.startswith(SYMBOL_FONTS)] == []


def test_packages_that_are_not_installed_are_skipped() -> None:
    assert list_fonts(("font_of_no_such_package",)) == ()


def test_trim_removes_the_empty_border() -> None:
    ink = np.zeros((20, 30), np.uint8)
    ink[5:9, 10:25] = 200
    ink[2, 2] = 60  # too faint to count
    assert np.array_equal(trim(ink), np.full((4, 15), 200))


def test_trim_returns_a_block_if_there_is_almost_no_ink() -> None:
    ink = np.zeros((20, 30), np.uint8)
    ink[5, 10:12] = 255
    assert np.array_equal(trim(ink), np.full((12, 12), 255))


def test_the_text_of_a_marker_is_never_empty() -> None:
    texts = [choose_text(rng) for rng in rngs(500)]
    assert all(text.strip() for text in texts)
    assert sum(text in ("L", "R") for text in texts) > 80


@pytest.mark.parametrize("text", ["R", "RB07", "PORTABLE 1", ".", " "])
def test_a_line_always_has_ink(text: str) -> None:
    for rng in rngs(20):
        line = draw_line(rng, text, 40)
        assert line.text == text
        assert line.ink.dtype == np.uint8
        assert line.ink.max() > 64
        assert line.ink.shape[0] <= 2 * HEIGHTS_PX[2]


def test_large_letters_are_drawn_with_more_pixels_than_small_ones() -> None:
    tall = [draw_line(np.random.default_rng(1), "H", height).ink.shape[0] for height in (10, 30, 60, 500)]
    assert tall == sorted(tall)
    assert tall[0] < tall[-1] / 4
