from preprocess.words import amount


def test_a_noun_follows_its_number() -> None:
    assert [amount(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [amount(n, "class", "classes") for n in (1, 3)] == ["1 class", "3 classes"]
    assert [amount(n, "file is", "files are") for n in (1, 12345)] == ["1 file is", "12345 files are"]
