"""A random sample is judged: first the cleaned film alone, then its markers."""

import json
from pathlib import Path

import pytest

from preprocess.errors import OutputError
from preprocess.ledger import read_ledger
from preprocess.review.recall import read_recall
from preprocess.review.server.opening import open_session

from .conftest import Client, serving

BOX = [[5, 80], [18, 80], [18, 95], [5, 95]]


def look(client: Client, number: int, left: list[object]) -> dict[str, object]:
    version = client.get(f"films/{number}")["version"]
    answer = client.get(f"films/{number}/left", {"markers": [{"quad": quad} for quad in left], "version": version})
    return dict(answer["film"])


def test_markers_are_hidden_until_the_cleaned_film_was_judged(cleaned: Path) -> None:
    with open_session(cleaned, sample=4) as session, serving(session) as client:
        film = client.get("films/0")
        assert (film["hidden"], film["markers"], film["mask"], film["reasons"]) == (True, [], "", [])
        assert "markers" not in client.get("films?count=9")["films"][0]
        assert client.ask("films/0/before")[0] == 422
        assert client.ask("films/0/after")[0] == 200
        body = {"markers": [], "version": film["version"]}
        assert json.loads(client.ask("films/0", body)[1])["error"] == "look at the cleaned film first"
        shown = look(client, 0, [BOX])
        assert (shown["hidden"], shown["left"]) == (False, [[[5, 80], [18, 80], [18, 95], [5, 95]]])
        assert client.ask("films/0/before")[0] == 200
        assert b"was recorded before; load it again" in client.ask("films/0/left", body)[1]


def test_the_estimate_grows_with_each_film_and_goes_on_later(cleaned: Path) -> None:
    with open_session(cleaned, sample=2) as session, serving(session) as client:
        paths = session.paths
        markers = look(client, 0, [BOX])["markers"]
        answer = client.save(0, [*markers, {"quad": BOX}])
        assert answer["progress"]["recall"] == "the estimate follows when the whole sample is judged"
        look(client, 1, [])
    recall = read_recall(cleaned / "recall.json")
    assert recall is not None
    assert (recall.population, recall.folder, recall.films.judged, recall.films.with_missed) == (6, 6, 1, 1)
    assert not recall.is_complete
    assert read_ledger(cleaned)[paths[0]].judged
    with open_session(cleaned, sample=6) as session, serving(session) as client:
        assert session.paths[:2] == paths
        assert [client.get(f"films/{number}")["hidden"] for number in range(3)] == [False, False, True]
        client.save(1, client.get("films/1")["markers"])
        for number in range(2, 6):
            client.save(number, look(client, number, [])["markers"])
        assert "(1 of 6 films judged at random" in client.get("progress")["recall"]
    recall = read_recall(cleaned / "recall.json")
    assert recall is not None
    assert (recall.films.judged, recall.markers.missed, recall.is_complete) == (6, 1, True)
    with (
        pytest.raises(OutputError, match="is a sample with seed 0; give --seed 0 to go on with it"),
        open_session(cleaned, sample=6, seed=1),
    ):
        pass


def test_films_that_were_judged_by_doubt_are_not_drawn(cleaned: Path) -> None:
    with open_session(cleaned) as session, serving(session) as client:
        judged = session.paths[:2]
        for number in range(2):
            client.save(number, client.get(f"films/{number}")["markers"])
    with open_session(cleaned, sample=50) as session:
        assert not set(judged) & set(session.paths)
        assert session.sample is not None
        assert session.sample.recall.population == len(session.paths) == 4
    with open_session(cleaned) as session, serving(session) as client:
        for number in range(6):
            client.save(number, client.get(f"films/{number}")["markers"])
    with pytest.raises(OutputError, match="a person has judged all its films"), open_session(cleaned, sample=5):
        pass
