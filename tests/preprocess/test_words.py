from preprocess.words import amount, none_of, part_of


def test_a_noun_follows_its_number() -> None:
    assert [amount(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [amount(n, "class", "classes") for n in (1, 3)] == ["1 class", "3 classes"]
    assert [amount(n, "file is", "files are") for n in (1, 12345)] == ["1 file is", "12345 files are"]


def test_a_part_of_one_is_the_only_one() -> None:
    assert [part_of(1, whole, "test film") for whole in (1, 2)] == ["the only test film", "1 of 2 test films"]
    assert part_of(0, 1, "class", "classes") == "0 of 1 class"


def test_none_of_one_is_no() -> None:
    assert [none_of(whole, "class", "classes") for whole in (1, 3)] == ["no class", "none of 3 classes"]
