from pathlib import Path

import pytest

from preprocess import review
from preprocess.images import write_image
from preprocess.ledger import LedgerRow
from preprocess.markers import Marker, box_quad
from preprocess.review import write_review
from preprocess.settings import CleanSettings

from .conftest import film


def rows(root: Path, count: int) -> list[LedgerRow]:
    made = []
    for number in range(count):
        path = f"<i>{number}.png"
        write_image(root / path, film(number))
        marker = Marker(box_quad(50, 10, 80, 25), "<script>" if number == 0 else "R", 0.9 - number / 10)
        made.append(LedgerRow(path, path, "masked", (marker,)))
    return made


def page(tmp_path: Path, ledger: list[LedgerRow]) -> str:
    write_review(tmp_path / "review.html", ledger, tmp_path, tmp_path, CleanSettings(), 10**8)
    return (tmp_path / "review.html").read_text("utf-8")


def test_the_least_certain_stand_first_and_names_are_escaped(tmp_path: Path) -> None:
    text = page(tmp_path, rows(tmp_path, 3))
    assert text.index("<figcaption>&lt;i&gt;2.png") < text.index("<figcaption>&lt;i&gt;1.png")
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "<i>" not in text
    assert text.count("data:image/jpeg;base64,") == 9
    assert "http" not in text


def test_the_cap_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "MOST", 2)
    text = page(tmp_path, rows(tmp_path, 3))
    assert "the 2 least certain of 3" in text
    assert "<figcaption>&lt;i&gt;0.png" not in text


def test_failed_files_are_listed_with_their_reason(tmp_path: Path) -> None:
    text = page(tmp_path, [LedgerRow("a\n\udcff.png", "", "failed", error="zero bytes <long>")])
    assert r"a\n\udcff.png" in text
    assert "zero bytes &lt;long&gt;" in text


def test_a_source_that_went_away_is_passed_over(tmp_path: Path) -> None:
    assert page(tmp_path, [LedgerRow("gone.png", "gone.png", "copied")]).count("<figure>") == 0
