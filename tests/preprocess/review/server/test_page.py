"""The page of the review in headless Chromium, driven by keys and pointer."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import write_image
from preprocess.ledger import read_ledger
from preprocess.review.server.opening import open_session

from ....chromium import CHROMIUM, CTRL, SHIFT, Page, open_browser
from ...conftest import film
from .conftest import Client, serving

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"), pytest.mark.slow]

READY = "film && document.querySelector('#before image') && !busy"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with open_browser(tmp_path / "user") as opened:
        yield opened
        assert opened.complaints == []


def open_page(page: Page, client: Client, number: int = 0) -> None:
    page.open(client.address if number == 0 else f"{client.address}#{number}")
    page.wait_for(f"{READY} && film.number === {number}")


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where a pixel of the film is on the screen."""
    point = f"new DOMPoint({x}, {y}).matrixTransform(before.getScreenCTM())"
    return tuple(page.run(f"(() => {{ const p = {point}; return [p.x, p.y] }})()"))


def drag(page: Page, *points: tuple[float, float]) -> None:
    page.drag(*(on_screen(page, *point) for point in points))


def test_draw_save_clean_again_and_reload(page: Page, client: Client, cleaned: Path) -> None:
    number = client.session.paths.index("a/film 02.png")
    open_page(page, client, number)
    drag(page, (5, 80), (10, 85), (18, 95))
    page.press("3")
    assert page.run("[markers.length, markers[0].style]") == [1, "lead"]
    after = page.run("after.querySelector('image').getAttribute('href')")
    page.press("Enter")
    page.wait_for("!busy && film.judged")
    assert page.run("after.querySelector('image').getAttribute('href')") != after
    assert page.run("film.number") == number
    row = read_ledger(cleaned)["a/film 02.png"]
    assert (row.status, row.markers[0].style, row.markers[0].source) == ("cleaned", "lead", "person")
    assert row.markers[0].quad[0] == pytest.approx((5, 80), abs=0.5)
    assert "1 of 6 films judged" in page.run("document.body.innerText")
    page.run("(() => { window.isOld = true; location.reload(); })()")
    page.wait_for(f"!window.isOld && {READY} && film.number === {number} && film.judged && markers.length === 1")
    assert page.run("document.querySelector('#before .marker') !== null")


def test_keys_pick_change_undo_delete_and_confirm(page: Page, client: Client, cleaned: Path) -> None:
    open_page(page, client)
    first = client.session.paths[0]
    page.press(".")
    quad = page.run("markers[0].quad")
    page.press("ArrowRight", SHIFT)
    page.press("ArrowDown", SHIFT | CTRL)
    moved = page.run("markers[0].quad")
    assert moved[0] == [quad[0][0] + 1, quad[0][1]]
    assert moved[2] == [quad[2][0] + 1, quad[2][1] + 1]
    page.press("2")
    page.press("]")
    for _ in range(4):
        page.press("u")
    assert page.run("markers[0].quad") == quad
    assert page.run("changed()") is False
    for _ in range(4):
        page.press("r")
    assert page.run("[markers[0].style, changed()]") == ["label", True]
    page.press("z", CTRL)
    page.press("Delete")
    assert page.run("markers.length") == 0
    page.press("ArrowRight")
    page.wait_for("!busy && film.number === 1")
    page.press("Enter")  # confirms the second film, and opens the third
    page.wait_for("!busy && film.number === 2")
    page.press("ArrowLeft")
    page.wait_for("!busy && film.number === 1 && film.judged")
    page.press("ArrowLeft")
    page.wait_for("!busy && film.number === 0")
    assert page.run("markers.length") == 0  # not saved, and not lost
    page.press("Enter")
    page.wait_for("!busy && film.judged")
    assert read_ledger(cleaned)[first].status == "copied"
    page.press("u")
    assert page.run("markers.length") == 1
    page.press("n")
    page.wait_for("!busy && film.number === 2")


def test_corners_and_markers_are_dragged(page: Page, client: Client) -> None:
    open_page(page, client)
    (x, y), _, (right, bottom), _ = page.run("markers[0].quad")
    middle = ((x + right) / 2, (y + bottom) / 2)
    drag(page, middle, (middle[0] - 10, middle[1] + 20))
    assert page.run("markers[0].quad[0]") == pytest.approx([x - 10, y + 20], abs=0.5)
    drag(page, (x - 10, y + 20), (x - 15, y + 15))
    quad = page.run("markers[0].quad")
    assert quad[0] == pytest.approx([x - 15, y + 15], abs=0.5)
    assert quad[2] == pytest.approx([right - 10, bottom + 20], abs=0.5)
    page.press("+")
    assert page.run("view.width < film.width")
    page.press("0")
    page.press("a")
    assert page.run("[markers.length, picked]") == [2, 1]
    page.press("Escape")
    assert page.run("picked") == -1


def test_hostile_names_are_only_text(page: Page, tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>.png", "a'\"&amp;\n<script>alert(2)<script>.png"]
    names += [os.fsdecode(b"\xff\xfe.png"), "#?%2f .png"]
    for number, name in enumerate(names):
        write_image(tmp_path / "films" / "film.png", film(number))
        (tmp_path / "films" / "film.png").rename(tmp_path / "films" / name)
    images = [{"id": number, "file_name": name, "width": 90, "height": 120} for number, name in enumerate(names)]
    (tmp_path / "none.json").write_text(json.dumps({"images": images, "annotations": []}))
    clean_folder(tmp_path / "films", tmp_path / "out", FolderOptions(markers=tmp_path / "none.json"))
    with open_session(tmp_path / "out") as session, serving(session) as client:
        open_page(page, client)
        for number in range(4):
            page.wait_for(f"{READY} && film.number === {number}")
            drag(page, (5, 80), (18, 95))
            page.press("Enter")
            page.wait_for("!busy && film.judged")
            page.press("Enter")
        page.wait_for("document.querySelectorAll('#list li').length === 4")
        text = page.run("document.body.innerText")
        assert "<img src=x onerror=alert(1)>.png" in text
        assert page.run("document.querySelectorAll('img, script').length") == 1
    assert all(row.judged and row.status == "cleaned" for row in read_ledger(tmp_path / "out").values())


def test_the_page_says_when_the_server_has_stopped(page: Page, cleaned: Path) -> None:
    with open_session(cleaned) as session, serving(session) as client:
        open_page(page, client)
    page.press("ArrowRight")
    page.wait_for("document.getElementById('status').textContent.startsWith('fxkit review has stopped')")
    page.complaints.clear()  # the failed request


def test_a_folder_of_many_films_is_shown_page_by_page(page: Page, films: Callable[..., tuple[Path, Path]]) -> None:
    root, markers = films(230)
    clean_folder(root, root.parent / "out", FolderOptions(markers=markers))
    with open_session(root.parent / "out") as session, serving(session) as client:
        start = time.monotonic()
        open_page(page, client)
        assert time.monotonic() - start < 20
        page.wait_for("document.querySelectorAll('#list li').length === 100")
        page.run("document.getElementById('further').click()")
        page.wait_for("document.getElementById('count').textContent === '101–200 of 230'")
        page.run("(() => { const box = document.getElementById('text'); box.value = 'FILM 22'; box.oninput(); })()")
        page.wait_for("document.querySelectorAll('#list li').length === 11")


def test_a_sample_shows_the_cleaned_film_first(page: Page, cleaned: Path) -> None:
    with open_session(cleaned, sample=2) as session, serving(session) as client:
        open_page(page, client)
        assert page.run("getComputedStyle(document.getElementById('after-pane')).display") == "none"
        assert page.run("markers.length") == 0
        assert page.run("before.querySelector('image').getAttribute('href')").startswith("films/0/after")
        drag(page, (5, 80), (18, 95))
        page.press("Enter")
        page.wait_for("!busy && !film.hidden")
        assert page.run("markers.at(-1).quad[0].map(Math.round)") == [5, 80]
        assert page.run("before.querySelector('image').getAttribute('href')").startswith("films/0/before")
        page.press("Enter")
        page.wait_for("!busy && film.judged")
        page.press("Enter")
        page.wait_for("!busy && film.number === 1 && film.hidden")
        page.press("Enter")  # nothing is left
        page.wait_for("!busy && !film.hidden")
        page.press("Enter")
        page.wait_for("!busy && film.judged")
        assert "2 of 2 films judged: at most 99 % of films still bear a marker" in page.run("document.body.innerText")
