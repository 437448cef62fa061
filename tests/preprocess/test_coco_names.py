import pytest

from preprocess.coco_names import name_films
from preprocess.errors import MarkerFileError
from preprocess.markers import MarkedImage

FILMS = ["a/film 00.png", "b/film 01.png", "b/old/film 01.png", "Ä 7 (2).png"]


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("film 00.png", "a/film 00.png"),
        ("images/a/film 00.png", "a/film 00.png"),
        ("/home/me/films/b/film 01.png", "b/film 01.png"),
        (r"C:\films\b\old\film 01.png", "b/old/film 01.png"),
        ("old/film 01.png", "b/old/film 01.png"),
        ("/data/local-files/?d=films/a/film%2000.png", "a/film 00.png"),
        ("images/1a2b3c4d-film_00.png", "a/film 00.png"),
        ("images/1a2b3c4d__film 00.png", "a/film 00.png"),
        (r"..\..\label-studio\media\upload\4\1a2b3c4d-film_00.png", "a/film 00.png"),
        ("images\\1/1a2b3c4d-Ä_7_2.png", "Ä 7 (2).png"),
        ("c/film 00.png", "c/film 00.png"),
        ("xyz-film_00.png", "xyz-film_00.png"),
    ],
)
def test_a_changed_name_matches_its_film(name: str, film: str) -> None:
    image = MarkedImage(1, 2)
    assert name_films({name: image}, FILMS, "m.json") == {film: image}


def test_names_that_are_paths_of_films_are_kept() -> None:
    images = {"a/film 00.png": MarkedImage(1, 1), "film 00.png": MarkedImage(2, 2)}
    assert name_films(images, FILMS, "m.json") == images


def test_a_name_that_matches_several_films_is_refused() -> None:
    for name in ("film 01.png", "images/1a2b3c4d-film_01.png"):
        with pytest.raises(
            MarkerFileError, match=r"^m.json: file_name .* matches 2 films, such as b/film 01.png and b/old"
        ):
            name_films({name: MarkedImage(1, 1)}, FILMS, "m.json")


def test_two_names_that_match_one_film_are_refused() -> None:
    images = {name: MarkedImage(1, 1) for name in ("1a2b3c4d-film_00.png", "ffffffff-film_00.png")}
    with pytest.raises(
        MarkerFileError, match=r"'1a2b3c4d-film_00.png' and 'ffffffff-film_00.png' both match the film a/"
    ):
        name_films(images, FILMS, "m.json")
