"""Films are judged through the server: what is written, and what `clean-labels` does with it afterwards."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from preprocess.coco import read_coco
from preprocess.errors import OutputError
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image
from preprocess.ledger import open_ledger, read_ledger
from preprocess.locks import lock
from preprocess.markers import PERSON
from preprocess.review.server.opening import open_session

from .conftest import Client, serving

BOX = [[5, 80], [18, 80], [18, 95], [5, 95]]


def number_of(client: Client, path: str) -> int:
    return client.session.paths.index(path)


def test_films_come_in_order_of_doubt_and_page_by_page(client: Client) -> None:
    listed = client.get("films?first=0&count=4")
    assert listed["total"] == 6
    assert listed["films"][0] == {
        "number": 0,
        "name": "a/film 00.png",
        "judged": False,
        "markers": 1,
        "reasons": ["large area"],
    }
    unmarked = client.get("films?first=4&count=4")["films"]
    assert [film["name"] for film in unmarked] == ["a/film 02.png", "b/film 05.png"]
    assert unmarked[0]["reasons"] == ["none found"]
    assert client.get("films?count=9&text=FILM%2003")["total"] == 1
    assert client.get("films?count=9&show=judged")["films"] == []


def test_a_drawn_marker_is_erased_at_once_and_nothing_else_changes(client: Client, cleaned: Path) -> None:
    number = number_of(client, "a/film 02.png")
    answer = client.save(number, [{"quad": BOX, "text": "L", "style": "lead"}])
    assert answer["film"]["judged"]
    assert answer["progress"]["judged"] == 1
    row = read_ledger(cleaned)["a/film 02.png"]
    assert (row.status, row.judged, row.markers[0].source, row.markers[0].style) == ("cleaned", True, PERSON, "lead")
    before = read_image(cleaned.parent / "films" / row.path)
    after = read_image(cleaned / row.output)
    rows, columns = np.nonzero(before != after)
    assert 70 < rows.min() < 85 < rows.max() < 105
    assert columns.max() < 28


def test_a_deleted_marker_comes_back_and_the_film_is_a_copy(client: Client, cleaned: Path) -> None:
    number = number_of(client, "a/film 00.png")
    answer = client.save(number, [])
    assert answer["film"]["status"] == "copied"
    assert (cleaned / "a/film 00.png").read_bytes() == (cleaned.parent / "films/a/film 00.png").read_bytes()


def test_a_confirmed_film_keeps_its_output(client: Client, cleaned: Path) -> None:
    number = number_of(client, "a/film 00.png")
    before = (cleaned / "a/film 00.png").stat().st_mtime_ns
    film = client.get(f"films/{number}")
    assert film["markers"][0]["confidence"] == 0.9
    answer = client.save(number, film["markers"])["film"]
    assert (cleaned / "a/film 00.png").stat().st_mtime_ns == before
    assert [(marker["confidence"], marker["source"]) for marker in answer["markers"]] == [(1.0, "person")]
    assert answer["reasons"] == []


def test_results_are_written_at_the_end(cleaned: Path) -> None:
    with open_session(cleaned) as session, serving(session) as client:
        client.save(number_of(client, "a/film 02.png"), [{"quad": BOX}])
        client.save(number_of(client, "b/film 05.png"), [])
        command = client.get("progress")["tune"]
    marked = read_coco(cleaned / "markers.json")
    assert len(marked) == 6
    assert [marker.source for marker in marked["a/film 02.png"].markers] == [PERSON]
    assert [marker.source for marker in marked["a/film 00.png"].markers] == [""]
    confirmed = read_coco(cleaned / "confirmed.json")
    assert {path: len(image.markers) for path, image in confirmed.items()} == {"a/film 02.png": 1, "b/film 05.png": 0}
    assert command.startswith(f"fxkit markernet tune {cleaned}/confirmed.json {cleaned.parent}/films --out")
    lines = (cleaned / "ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == sorted(open_ledger(cleaned).offsets)


@pytest.mark.parametrize("lose", [False, True])
def test_cleaning_again_keeps_what_a_person_judged(
    cleaned: Path, films: Callable[..., tuple[Path, Path]], lose: bool
) -> None:
    with open_session(cleaned) as session, serving(session) as client:
        client.save(number_of(client, "a/film 00.png"), [{"quad": BOX}])
    judged = read_ledger(cleaned)["a/film 00.png"]
    image = (cleaned / "a/film 00.png").read_bytes()
    if lose:
        (cleaned / "a/film 00.png").unlink()
    summary = clean_folder(cleaned.parent / "films", cleaned, FolderOptions(markers=cleaned.parent / "films.json"))
    assert summary.resumed == 6 - lose
    assert read_ledger(cleaned)["a/film 00.png"] == judged
    assert (cleaned / "a/film 00.png").read_bytes() == image


def test_cleaning_with_other_settings_keeps_the_markers_of_a_person(cleaned: Path) -> None:
    with open_session(cleaned) as session, serving(session) as client:
        client.save(number_of(client, "a/film 00.png"), [{"quad": BOX}])
    root, markers = cleaned.parent / "films", cleaned.parent / "films.json"
    options = FolderOptions(markers=markers)
    box = replace(options, settings=options.settings.model_copy(update={"mode": "box", "only": "R9"}))
    with pytest.raises(OutputError, match="was cleaned with mode 'inpaint'"):
        clean_folder(root, cleaned, box)
    clean_folder(root, cleaned, replace(box, overwrite=True))
    row = read_ledger(cleaned)["a/film 00.png"]
    assert (row.judged, [marker.quad[0] for marker in row.markers]) == (True, [(5, 80)])
    assert (read_image(cleaned / row.output)[82:93, 7:16] == 0).all()


def test_another_file_of_markers_or_another_film_replaces_the_judgement(cleaned: Path) -> None:
    with open_session(cleaned) as session, serving(session) as client:
        client.save(number_of(client, "a/film 00.png"), [{"quad": BOX}])
        client.save(number_of(client, "a/film 02.png"), [{"quad": BOX}])
    root, markers = cleaned.parent / "films", cleaned.parent / "films.json"
    image = read_image(root / "a/film 02.png")
    image[0, 0] += 1
    cv2.imwrite(str(root / "a/film 02.png"), image)
    clean_folder(root, cleaned, FolderOptions(markers=markers))
    rows = read_ledger(cleaned)
    assert (rows["a/film 00.png"].judged, rows["a/film 02.png"].judged) == (True, False)
    markers.write_text(markers.read_text() + "\n")
    clean_folder(root, cleaned, FolderOptions(markers=markers, overwrite=True))
    assert not any(row.judged for row in read_ledger(cleaned).values())


def test_a_film_that_was_saved_elsewhere_or_changed_is_not_overwritten(client: Client, cleaned: Path) -> None:
    number = number_of(client, "a/film 00.png")
    version = client.get(f"films/{number}")["version"]
    client.save(number, [])
    status, content = client.ask(f"films/{number}", {"markers": [], "version": version})
    assert (status, json.loads(content)["error"]) == (409, "this film was saved in another window; load it again")
    film = cleaned.parent / "films/a/film 02.png"
    film.write_bytes(film.read_bytes() + b"x")
    number = number_of(client, "a/film 02.png")
    version = client.get(f"films/{number}")["version"]
    status, content = client.ask(f"films/{number}", {"markers": [], "version": version})
    assert status == 409
    assert b"the file changed after it was cleaned; run clean-labels again" in content


def test_too_large_an_area_is_refused_and_the_film_stays(client: Client, cleaned: Path) -> None:
    number = number_of(client, "a/film 02.png")
    version = client.get(f"films/{number}")["version"]
    everything = {"quad": [[0, 0], [90, 0], [90, 120], [0, 120]]}
    status, content = client.ask(f"films/{number}", {"markers": [everything], "version": version})
    assert status == 422
    assert b"of the film would be erased, more than the limit of 25.0%" in content
    assert not read_ledger(cleaned)["a/film 02.png"].judged
    client.save(number, [{"quad": BOX}])


@pytest.mark.parametrize(
    ("quad", "error"),
    [
        ([[5, 5], [5, 5], [5, 20], [5, 20]], "draw it at least one pixel wide and high"),
        ([[85, 5], [300, 5], [300, 20], [85, 20]], "lies for the most part outside the film; move or delete it"),
    ],
)
def test_markers_that_cannot_be_meant_are_refused(client: Client, quad: list[list[int]], error: str) -> None:
    version = client.get("films/0")["version"]
    status, content = client.ask("films/0", {"markers": [{"quad": quad}], "version": version})
    assert status == 422
    assert error in json.loads(content)["error"]


def test_a_crossed_quad_becomes_the_box_around_it(client: Client) -> None:
    answer = client.save(0, [{"quad": [[5, 80], [18, 80], [5, 95], [18, 95]]}])
    assert sorted(map(tuple, answer["film"]["markers"][0]["quad"])) == [(5, 80), (5, 95), (18, 80), (18, 95)]


def test_the_folder_is_locked_and_must_be_a_cleaned_one(cleaned: Path, tmp_path: Path) -> None:
    with open_session(cleaned), lock(cleaned):  # this process may take it again
        assert (tmp_path / ".out.lock").exists()
    assert not (tmp_path / ".out.lock").exists()
    with (
        pytest.raises(OutputError, match=r"films: not a cleaned folder .* run clean-labels first"),
        open_session(cleaned.parent / "films"),
    ):
        pass
    missing = pytest.raises(
        OutputError, match="holds none of the films that were cleaned; give their folder with --root"
    )
    with missing, open_session(cleaned, tmp_path / "elsewhere"):
        pass


def test_a_tampered_ledger_cannot_name_other_files(cleaned: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes((cleaned.parent / "films/a/film 00.png").read_bytes())
    ledger = cleaned / "ledger.jsonl"
    text = ledger.read_text()
    row = json.loads(text.splitlines()[0])
    ledger.write_text(text + json.dumps({**row, "path": "../secret.png", "output": "../secret.png"}) + "\n")
    with pytest.raises(OutputError, match="leads out of this folder"), open_session(cleaned):
        pass
    ledger.write_text(text + json.dumps({**row, "output": "../secret.png"}) + "\n")
    with open_session(cleaned) as session, serving(session) as client:
        number = number_of(client, row["path"])
        assert client.ask(f"films/{number}/after")[0] == 422
