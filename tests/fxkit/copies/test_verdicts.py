"""Users' verdicts: pairs of paths, and what is wrong with those that cannot be used."""

from pathlib import Path

import pytest

from fxkit.copies.verdicts import read_verdicts
from fxkit.errors import DataError

HASHES = {"a/1.png": "aa", "a/2, left.png": "bb", "a/bad.png": ""}


def test_pairs_of_paths_become_pairs_of_hashes(tmp_path: Path) -> None:
    place = tmp_path / "accept.csv"
    place.write_text('first,second\n"a/1.png","a/2, left.png"\n', encoding="utf-8-sig")
    assert read_verdicts(place, HASHES) == (("aa", "bb"),)


def test_no_file_and_no_rows_are_no_verdicts(tmp_path: Path) -> None:
    assert read_verdicts(None, HASHES) == ()
    (tmp_path / "none.csv").write_text("first,second\n")
    assert read_verdicts(tmp_path / "none.csv", HASHES) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("first,second\na/1.png,a/gone.png\n", "row 2: second 'a/gone.png' is no readable film of this data set"),
        ("first,second\na/bad.png,a/1.png\n", "row 2: first 'a/bad.png' is no readable film of this data set"),
        (
            "first,other\na/1.png,a/1.png\n",
            "row 2: second '' is no readable film of this data set; expected the columns",
        ),
        ("first,second\na/1.png\n", "row 2: second '' is no readable film"),
    ],
)
def test_wrong_rows_are_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "reject.csv").write_text(text)
    with pytest.raises(DataError) as refused:
        read_verdicts(tmp_path / "reject.csv", HASHES)
    assert str(refused.value).startswith(f"{tmp_path / 'reject.csv'}, {told}")
    assert str(refused.value).endswith("with paths as the manifest has them")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    told = r"gone\.csv: cannot be read \(No such file or directory\); expected a CSV file of pairs"
    with pytest.raises(DataError, match=told):
        read_verdicts(tmp_path / "gone.csv", HASHES)
