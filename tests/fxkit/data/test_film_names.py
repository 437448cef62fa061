"""Files are recognised as copies of one film by their names; names of strangers stay apart."""

import pytest

from fxkit.data.film_names import film_keys

HASH, OTHER_HASH = "7a2e28a0bd1dbf6f4b7dcaf6ca34428d", "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("path", "film"),
    [
        ("fractured/2.jpg", "fractured/2"),
        ("fractured/2-rotated1.jpg", "fractured/2"),
        ("fractured/100-rotated1-rotated3-rotated2.jpg", "fractured/100"),
        ("oblique/images43_jpg.rf.b70eeb34c89d4066f717f1e07491adfe.jpg", "oblique/images43"),
        ("oblique/images43_jpg.rf.b70eeb34c89d40.jpg", "oblique/images43"),
        ("avulsion/35765-galleyfig1a_jpeg.rf62790773a110b4171d25a.jpg", "avulsion/35765-galleyfig1a"),
        ("avulsion/Segond-Fx-label-2_png.rbecbcb0ff8e7e06cb974569469.jpg", "avulsion/Segond-Fx-label-2"),
        ("dislocation/g001_png.1e8d6666777.jpg", "dislocation/g001"),
        ("a/film_aug.png", "a/film"),
        ("a/film_aug3.png", "a/film"),
        ("a/film-aug-3.png", "a/film"),
        ("a/film_aug2_jpg.rf.0123456789abcdef0123456789abcdef.jpg", "a/film"),
        ("a/b/deep-rotated1.png", "a/b/deep"),
        ("a/Fig.2.png", "a/Fig.2"),
        ("a/august.png", "a/august"),
        ("a/rotated1.png", "a/rotated1"),
        ("a/-rotated1.png", "a/-rotated1"),
        ("a/_aug1.png", "a/_aug1"),
        ("a.b/name", "a.b/name"),
        ("a/1.2.840.113619.2.5.1762583153.100", "a/1.2.840.113619.2.5.1762583153.100"),
        ("a/1.2.840.113619.2.5.1762583153.100.dcm", "a/1.2.840.113619.2.5.1762583153.100"),
        ("a/scan.v2", "a/scan.v2"),
        ("a/12.5kV.IMA", "a/12.5kV"),
        ("a/2019.05.12", "a/2019.05.12"),
        ("a/film.JFIF.png", "a/film"),
        ("a/film_Augmented_2.png", "a/film"),
    ],
)
def test_suffixes_that_mark_a_copy_are_removed(path: str, film: str) -> None:
    assert film_keys([path]) == [film]


def test_films_renamed_in_bulk_stay_apart() -> None:
    paths = [f"a/wrist ({n}).jpg" for n in range(1, 5)]
    assert film_keys(paths) == [f"a/wrist ({n})" for n in range(1, 5)]


def test_a_numbered_copy_belongs_to_the_film_beside_it() -> None:
    paths = ["a/2.jpg", "a/2 (1).jpg", "a/2-rotated1 (3).jpg", "a/2 - Copy.jpg", "a/2 - Copy (2).jpg", "b/2 (1).jpg"]
    assert film_keys(paths) == ["a/2", "a/2", "a/2", "a/2", "a/2", "b/2 (1)"]


def test_a_numbered_copy_of_a_copy_belongs_to_the_film() -> None:
    assert film_keys(["a/2-rotated1.jpg", "a/2 (1).jpg"]) == ["a/2", "a/2"]


def test_the_second_extension_of_a_cleaned_film_is_dropped_too() -> None:
    assert film_keys(["c/a.jpg.png", "c/a.png", "c/b.JPEG", "c/.jpg"]) == ["c/a", "c/a", "c/b", "c/.jpg"]


@pytest.mark.parametrize(
    "names",
    [
        "12.jpg 12_aug.jpg",
        "12_aug1.jpg 12_aug2.jpg",
        "12_aug_1.jpg 12_aug_2.jpg 12_aug_19.jpg",
        "12.jpg 12_aug_1.jpg 12_aug_20.jpg",
        "2019.jpg 2019_aug_5.jpg",
        "film_aug12.jpg film_aug13.jpg",
        "film.jpg film_Aug12.jpg film_AUG_001.jpg",
        "film_Aug.jpg film.jpg",
        "film-augmented-2019.jpg film.jpg",
        f"knee.{HASH}.jpg knee.jpg",
        f"knee.{HASH}.jpg knee_jpg.rf.{OTHER_HASH}.jpg",
        f"knee_jpg.rf.{HASH}.jpg knee_jpg.rf.{OTHER_HASH}.jpg",
        "1.2.840.1.5.dcm 1.2.840.1.5.dcm.png 1.2.840.1.5",
        "film.tif film.jfif film.PNG",
        "3.jpg 3-rotated1.jpg 3-rotated1-rotated2.jpg",
    ],
)
def test_copies_share_a_film(names: str) -> None:
    assert len(set(film_keys([f"a/{name}" for name in names.split()]))) == 1


@pytest.mark.parametrize(
    "names",
    [
        "1.2.840.113619.2.5.100 1.2.840.113619.2.5.101",
        "1.2.840.1.5 1.2.840.1.5.1",
        "scan.v1 scan.v2",
        "70.5kV 70.6kV",
        "2019.05.12 2019.05.13",
        "12-Aug-2019.png 12-Aug-2020.png 12-Jul-2019.png",
        "12-Aug-2019.png 12-Aug-2020.png 12.png",
        "12_aug_19.png 12_aug_20.png",
        "12-Aug.png 13-Aug.png 12.png",
        "2019-aug-05.png 2019-aug-06.png",
        "2019-Aug-05.png 2019-Aug-06.png 2019.png",
        "film_aug_2019.png film_aug_2020.png",
        "smith_aug12.png smith_jul12.png smith_aug13.png",
        "smith-Aug-12.png smith-Aug-13.png",
        "smith-12-Aug-19.png smith-12-Aug-20.png smith.png",
        "clinic_AUG_001.png clinic_AUG_002.png",
        "ward-03-aug.png ward-03-okt.png ward-03.png",
        "August-2019.png August-2020.png",
        "Augsburg_1.png Augsburg_2.png",
        "export_jpg.20190512.png export_jpg.20190513.png",
        f"IM.{HASH}.png IM.{OTHER_HASH}.png",
        f"{HASH}.png {OTHER_HASH}.png",
        "rotated90.png rotated180.png",
        "film.png film.csv",
    ],
)
def test_strangers_stay_apart(names: str) -> None:
    assert len(set(film_keys([f"a/{name}" for name in names.split()]))) == len(names.split())


def test_pictures_that_a_browser_numbered_stay_apart() -> None:
    names = ["a/images.jpg", *(f"a/images ({n}).jpg" for n in range(1, 8))]
    assert len(set(film_keys(names))) == 8
    assert film_keys(["a/2.jpg", "a/2 - Kopie.jpg", "a/2 copy 3.jpg"]) == ["a/2"] * 3


def test_thousands_of_names_are_compared_fast() -> None:
    names = [f"a/{n}_aug_{k}.jpg" for n in range(2000) for k in range(5)]
    assert len(set(film_keys(names))) == 2000
