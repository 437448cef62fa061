"""A film's card holds its picture, map, markers, other films of the group and metadata; what is unknown is left out."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fxkit.evaluation.films.cards import CardOptions, FilmCards
from fxkit.evaluation.films.tested import read_tested_films
from preprocess.coco import write_coco
from preprocess.images import write_image
from preprocess.markers import MarkedImage, Marker, box_quad

MakeRun = Callable[..., Path]


def test_a_card_shows_the_film_and_the_other_films_of_its_group(make_run: MakeRun) -> None:
    card = FilmCards(read_tested_films(make_run())).card(0, pictured=True)
    assert card["path"] == "test/00.png"
    assert card["picture"].startswith("data:image/jpeg;base64,")
    assert [(other["name"], other["label"]) for other in card["others"]] == [
        ("test/01.png", "intact"),
        ("test/02.png", "intact"),
    ]
    assert card["others"][0]["predicted"].startswith("intact 0.")
    assert ["patient", "te0"] in [[*fact] for fact in card["facts"]]
    assert {"map", "outline", "texts", "styles"}.isdisjoint(card)


def test_markers_are_outlined(make_run: MakeRun, tmp_path: Path) -> None:
    run, file = make_run(), tmp_path / "markers.json"
    marker = Marker(box_quad(10, 10, 30, 20), "R7", 0.9, "burned")
    write_coco(file, {"test/00.png": MarkedImage(60, 40, (marker,)), "test/01.png": MarkedImage(60, 40, ())})
    cards = FilmCards(read_tested_films(run), CardOptions(markers=file))
    marked, bare = (cards.card(row, pictured=True) for row in (0, 1))
    assert (marked["texts"], marked["size"]) == (["R7"], (60, 40))
    assert marked["outline"].startswith("M")
    assert bare["styles"] == ["no marker"]
    assert "outline" not in bare


def test_the_map_of_cam_is_shown(make_run: MakeRun) -> None:
    run = make_run()
    (run / "cam").mkdir()
    (run / "cam" / "attention.csv").write_text("path,label\ntest/05.png,intact\ntest/00.png,intact\n")
    write_image(run / "cam" / "0001.png", np.zeros((44 + 224, 3 * 224, 3), np.uint8))
    cards = FilmCards(read_tested_films(run))
    assert cards.card(0, pictured=True)["map"].startswith("data:image/jpeg")
    assert "map" not in cards.card(5, pictured=True)  # its picture was deleted
    assert "map" not in cards.card(0, pictured=False)


def test_metadata_come_from_the_data_card(make_run: MakeRun) -> None:
    run = make_run()
    facts = {"path": "test/00.png", "format": "PNG", "bits": 8, "jpeg_quality": None, "software": "Scanner 3"}
    (run / "data.json").write_text(json.dumps({"files": [facts]}))
    shown = dict(FilmCards(read_tested_films(run)).card(0, pictured=False)["facts"])
    assert (shown["format"], shown["bits"], shown["written by"]) == ("PNG", "8", "Scanner 3")
    assert "JPEG quality" not in shown
    assert shown["size"] == "60 x 40 px"


def test_a_film_that_was_moved_has_no_picture(make_run: MakeRun, tmp_path: Path) -> None:
    tested = read_tested_films(make_run(), root=tmp_path / "nowhere")
    assert "picture" not in FilmCards(tested).card(0, pictured=True)


@pytest.mark.parametrize("pictured", [True, False])
def test_pictures_of_other_films_are_only_on_cards_with_pictures(make_run: MakeRun, pictured: bool) -> None:
    card = FilmCards(read_tested_films(make_run())).card(0, pictured=pictured)
    assert all(("picture" in other) == pictured for other in card["others"])
