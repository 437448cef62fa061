"""groups.html shows names, evidence and verdicts to choose; it escapes names, and copies are grey in the overlay."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.data.manifest import Record
from fxkit.index.copies.compare import Evidence
from fxkit.index.copies.grow import score
from fxkit.index.find_copies import NO_COPIES, Copies, Link
from fxkit.index.pages.groups_page import find_shared_texts, overlay, write_groups
from preprocess.errors import OutputError
from preprocess.images import write_image

SEEN = Evidence(41, 0.9, 0.97, 0.83, 0.7, 60.0, 0.88, True, ((-1.0, 0.0, 319.0), (0.0, 1.0, 0.0)), 1.0)
ODD = 'a/<b>&"1.png'


def record(path: str, sha256: str, group: str, patient: str = "") -> Record:
    return Record(
        path=path,
        label=path.split("/")[0],
        group=group,
        split="",
        sha256=sha256,
        width=64,
        height=48,
        status="ok",
        film=group,
        patient=patient,
        site="",
    )


@pytest.fixture
def films(tmp_path: Path) -> list[Record]:
    """Write three films; the first two are copies with different classes and patients."""
    records = [record(ODD, "aa", "g", "p1"), record("b/2.png", "bb", "g", "p2"), record("a/3.png", "cc", "h")]
    rng = np.random.default_rng(0)
    for one in records:
        write_image(tmp_path / "films" / one.path, rng.integers(0, 255, (48, 64), np.uint8))
    return records


COPIES = Copies(
    {"aa": "aa", "bb": "aa", "cc": "cc"},
    (Link("bb", "cc", replace(SEEN, points=9), False), Link("aa", "bb", SEEN, True)),
)


def page_of(folder: Path, films: list[Record], copies: Copies = COPIES, **settings: object) -> str:
    return write_groups(folder, films, folder / "films", copies, **settings).read_text(encoding="utf-8")  # type: ignore[arg-type]


def test_the_page_shows_names_evidence_and_verdicts(tmp_path: Path, films: list[Record]) -> None:
    page = page_of(tmp_path, films)
    assert "3 readable files in 2 groups. 1 links join files whose names do not show" in page
    joined, alike = page.split('id="alike"')
    assert 'data-second="b/2.png"' in joined
    assert 'data-first="b/2.png" data-second="a/3.png"' in alike
    assert (
        f"Score {score(SEEN):.1f}: 41 common keypoints, correlation of grey-value ranks 0.97, correlation of fine "
        "detail 0.83, 70 % of the structure agrees, overlap 88 % of the smaller film, mirrored, one is the negative. "
        "<strong>The classes differ.</strong> <strong>The patients differ."
    ) in joined
    assert page.count('value="accept"') == page.count('value="reject"') == 2
    assert page.count('<img src="data:image/') == 6


def test_names_are_escaped(tmp_path: Path, films: list[Record]) -> None:
    page = page_of(tmp_path, films)
    assert "<b>" not in page
    assert page.count("a/&lt;b&gt;&amp;&#34;1.png") >= 3
    assert "default-src 'none'" in page


def test_links_between_copies_by_name_are_not_shown(tmp_path: Path, films: list[Record]) -> None:
    named = [record("a/1.png", "aa", "g"), record("a/1-rotated1.png", "bb", "g"), films[2]]
    page = page_of(tmp_path, named, Copies(COPIES.groups, COPIES.links[1:]))
    assert "0 links join" in page
    assert 'class="panes"' not in page


def test_a_missing_film_is_reported(tmp_path: Path, films: list[Record]) -> None:
    (tmp_path / "films" / "b" / "2.png").unlink()
    page = page_of(tmp_path, films)
    assert page.count("<strong>One of them cannot be read.</strong>") == 2
    assert "<img" not in page


def test_larger_films_have_no_picture(tmp_path: Path, films: list[Record]) -> None:
    assert "<img" not in page_of(tmp_path, films, max_pixels=100)


def test_groups_json_lists_all_links(tmp_path: Path, films: list[Record]) -> None:
    page_of(tmp_path, films)
    links = json.loads((tmp_path / "groups.json").read_text(encoding="utf-8"))
    (joined,), (alike,) = links["joined"], links["alike"]
    assert (joined["first"], joined["second"], joined["points"], joined["inverted"]) == (ODD, "b/2.png", 41, True)
    assert (alike["first"], alike["second"], alike["points"]) == ("b/2.png", "a/3.png", 9)


def test_the_page_says_if_pixels_were_not_compared(tmp_path: Path, films: list[Record]) -> None:
    assert "Pixels were not compared: run <code>fxkit index</code> without" in page_of(tmp_path, films, NO_COPIES)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, films: list[Record]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"groups\.json: cannot be written \(.+\); free some space or choose"):
        write_groups(tmp_path / "file", films, tmp_path / "films", COPIES)


def test_a_text_on_films_of_several_groups_is_shown(tmp_path: Path, films: list[Record]) -> None:
    texts = {ODD: ["L", "ab 12"], "b/2.png": ["AB12", "L"], "a/3.png": ["AB12", "L", "R2"]}
    (shared,) = find_shared_texts(films, texts)
    assert (shared.text, shared.films) == ("AB12", (ODD, "a/3.png"))
    page = page_of(tmp_path, films, texts=texts)
    assert '<th scope="row">AB12</th><td>2</td>' in page
    assert "No marker text is shared by several groups" in page_of(tmp_path, films)


def test_copies_are_grey_in_the_overlay() -> None:
    rng = np.random.default_rng(0)
    film = rng.integers(0, 255, (40, 60), np.uint8)
    negative = np.ascontiguousarray(255 - film[:, ::-1])
    there = Evidence(9, 1.0, 1.0, 1.0, 1.0, 60.0, 1.0, True, ((-1.0, 0.0, 59.0), (0.0, 1.0, 0.0)), 1.0)
    laid, other, both = overlay(negative, film, there)
    assert np.array_equal(laid, film)
    assert np.array_equal(other, film)
    assert both.shape == (40, 60, 3)
    assert (both[..., 0] == both[..., 1]).all()
    assert (both[..., 1] == both[..., 2]).all()


def test_what_only_the_first_film_shows_is_red() -> None:
    bright, dark = np.full((40, 60), 250, np.uint8), np.zeros((40, 60), np.uint8)
    dark[0] = bright[0] = np.arange(60)
    *_, both = overlay(
        bright, dark, Evidence(9, 1.0, 1.0, 1.0, 1.0, 60.0, 1.0, False, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), 1.0)
    )
    red, green, blue = both[30, 30].tolist()
    assert red > green == blue
