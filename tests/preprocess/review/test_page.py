import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from preprocess.images import write_image
from preprocess.ledger import LedgerRow
from preprocess.markers import Marker, box_quad
from preprocess.review import page as review
from preprocess.review.association import associate, build_class_lookup
from preprocess.review.page import ReviewInputs, write_review
from preprocess.settings import CleanSettings

from ..conftest import film

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
CORNER, MIDDLE = box_quad(60, 5, 85, 20), box_quad(35, 50, 60, 70)


def write_film(root: Path, path: str, *markers: Marker, fraction: float = 0.01) -> LedgerRow:
    write_image(root / "films" / path, film())
    write_image(root / "out" / path, film(1))
    return LedgerRow(path, path, "cleaned" if markers else "copied", markers, fraction, 90, 120)


@pytest.fixture
def rows(tmp_path: Path) -> list[LedgerRow]:
    return [
        write_film(tmp_path, "x/<i>0.png", Marker(CORNER, "<script>", 0.9, "lead")),
        write_film(tmp_path, "x/1 #ä?.png", Marker(CORNER, "R7", 0.7, "lead"), Marker(CORNER, "", 0.8, "burned")),
        write_film(tmp_path, "y/2.png", Marker(MIDDLE, "L", 0.5, "burned")),
        write_film(tmp_path, "y/3.png"),
        LedgerRow("y/4\n\udcff.png", "", "failed", error="y/4: zero bytes <long>"),
    ]


def page(tmp_path: Path, rows: list[LedgerRow]) -> str:
    (tmp_path / "out").mkdir(exist_ok=True)
    classes = build_class_lookup(tmp_path)
    inputs = ReviewInputs(rows, tmp_path / "films", CleanSettings(), 10**8, classes, associate(rows, classes))
    write_review(tmp_path / "out" / "review.html", inputs)
    return (tmp_path / "out" / "review.html").read_text("utf-8")


def films_of(text: str) -> list[dict[str, Any]]:
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    films: list[dict[str, Any]] = json.loads(data)["films"]
    return films


def test_the_page_is_self_contained_and_names_are_escaped(tmp_path: Path, rows: list[LedgerRow]) -> None:
    text = page(tmp_path, rows)
    assert text.count("<script") == 2
    assert "<i>" not in text
    assert not re.search(r"""(src|href)=["'](?!#)""", text)
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_films_are_ranked_and_have_their_reasons(tmp_path: Path, rows: list[LedgerRow]) -> None:
    films = films_of(page(tmp_path, rows))
    assert [(film["path"], film["why"]) for film in films] == [
        (r"y/4\n\udcff.png", ["failed"]),
        ("y/2.png", ["low confidence", "centre"]),
        ("y/3.png", ["none found"]),
        ("x/1 #ä?.png", []),
        ("x/<i>0.png", []),
    ]
    assert films[0]["link"] == "y/4%0A%FF.png"
    assert [film.get("least") for film in films] == [None, 0.5, None, 0.7, 0.9]
    assert {film["class"] for film in films} == {"x", "y"}


def test_the_top_of_the_page_lists_the_files_to_check_and_the_reasons(tmp_path: Path, rows: list[LedgerRow]) -> None:
    text = " ".join(page(tmp_path, rows).split())
    assert "5 files: 3 with 4 erased markers, 1 without markers, 1 failed." in text
    assert (
        '<a href="#why=low%20confidence">1 file: low confidence</a> &ndash; a marker with confidence below 0.6' in text
    )
    assert '<a href="#text=y/2.png">y/2.png</a> &ndash; low confidence, centre' in text


def test_counts_by_class_are_shown_with_their_p_values(tmp_path: Path, rows: list[LedgerRow]) -> None:
    text = " ".join(page(tmp_path, rows).split())
    assert "<th>x (n = 2)</th><th>y (n = 2)</th>" in text
    assert (
        '<th>lead</th><td>2 <span class="faint">(100 %)</span></td><td>0 <span class="faint">(0 %)</span></td>' in text
    )
    assert '<td class="p">p = 0.33</td>' in text
    assert "Strongest association: top right, on 2 of 2 x, 0 of 2 y (p = 0.33, corrected p = 1.00)." in text
    assert "Several files of one film or patient make p too small" in text


def test_a_limited_number_of_pictures_covers_every_reason(
    tmp_path: Path, rows: list[LedgerRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [write_film(tmp_path, f"z/{number}.png", Marker(CORNER, "R", 0.5)) for number in range(9)]
    monkeypatch.setattr(review, "PICTURES", 4)
    monkeypatch.setattr(review, "ROWS", 13)
    text = page(tmp_path, [*rows, *many])
    films = films_of(text)
    assert len(films) == 13
    assert "This page lists the 13 files to check first" in text
    assert {film["path"] for film in films if "before" in film} == {"y/2.png", "z/0.png", "y/3.png", "x/1 #ä?.png"}
    assert [len(film["before"] + film["after"]) for film in films if "before" in film] == [4, 4, 1, 4]


def test_the_outline_follows_the_mask(tmp_path: Path, rows: list[LedgerRow]) -> None:
    (film_data,) = (film for film in films_of(page(tmp_path, rows)) if film["path"] == "y/2.png")
    assert film_data["size"] == [90, 120]
    points = [tuple(map(int, pair.split())) for pair in re.findall(r"\d+ \d+", film_data["outline"])]
    xs, ys = zip(*points, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((35, 59, 50, 69), abs=5)


def test_with_too_many_folders_films_have_no_class(tmp_path: Path) -> None:
    rows = [LedgerRow(f"{number}/a.png", "", "copied") for number in range(51)]
    assert not any("class" in film for film in films_of(page(tmp_path, rows)))


def test_a_film_whose_source_was_removed_has_no_picture(tmp_path: Path) -> None:
    (film_data,) = films_of(page(tmp_path, [LedgerRow("gone.png", "gone.png", "copied")]))
    assert "before" not in film_data


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(
    ("choice", "films"),
    [
        ("", ["y/4\\n\\udcff.png", "y/2.png", "y/3.png", "x/1 #ä?.png", "x/<i>0.png"]),
        ("sort=path", ["x/1 #ä?.png", "x/<i>0.png", "y/2.png", "y/3.png", "y/4\\n\\udcff.png"]),
        ("style=burned&class=x", ["x/1 #ä?.png"]),
        ("min=0.6&max=0.8", ["x/1 #ä?.png"]),
        ("why=none+found", ["y/3.png"]),
        ("text=SCRIPT", ["x/<i>0.png"]),
    ],
)
def test_filters_work_in_a_browser(tmp_path: Path, rows: list[LedgerRow], choice: str, films: list[str]) -> None:
    page(tmp_path, rows)
    text = browse(tmp_path / "out" / "review.html", choice)
    listed = re.findall(r'<div class="path">(.*?)</div>', text)
    assert [name.replace("&lt;", "<").replace("&gt;", ">") for name in listed] == films
    assert f"{len(films)} of 5 films" in text
    assert 'href="../films/x/1%20%23%C3%A4%3F.png"' in text or "x/1 #ä?.png" not in films


CONTROLS = """
const states = [], form = document.getElementById("filters");
const record = () => states.push(document.getElementById("count").textContent.split(" ")[0], location.hash);
const change = (name, value) => {
  form.elements[name].value = value;
  form.elements[name].dispatchEvent(new Event("input", {bubbles: true}));
  record();
};
change("text", "R7");
change("text", "");
document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "b", bubbles: true}));
record();
const panes = document.querySelectorAll(".panes")[0];
states.push(panes.dataset.view);
panes.click();
states.push(panes.dataset.view);
form.querySelector("[type=reset]").click();
record();
document.body.textContent = `states: ${JSON.stringify(states)} end`;
"""


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_controls_work_in_a_browser(tmp_path: Path, rows: list[LedgerRow]) -> None:
    driven = page(tmp_path, rows).replace("</body>", f"<script>{{{CONTROLS}}}</script></body>")
    (tmp_path / "out" / "driven.html").write_text(driven, "utf-8")
    (states,) = re.findall(r"states: (.*) end", browse(tmp_path / "out" / "driven.html"))
    assert json.loads(states) == ["1", "#text=R7", "5", "", "5", "#view=after", "after", "before", "5", ""]


def browse(file: Path, choice: str = "") -> str:
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    options += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={file.parent / 'user'}",
    ]
    command = [str(CHROMIUM), *options, "--enable-logging=stderr", "--dump-dom"]
    address = file.as_uri() + "#" + choice
    result = subprocess.run([*command, address], capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in result.stderr
    return result.stdout
