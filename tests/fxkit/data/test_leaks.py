"""What leaks from training into the test part is counted."""

from fxkit.data.leaks import Leaks, leaks
from fxkit.data.manifest import Record


def test_leaks_are_counted_in_files_films_and_groups() -> None:
    rows = [
        ("1.png", "p1", "f1", "train"),
        ("1-rotated1.png", "p1", "f1", "test"),
        ("2.png", "p1", "f2", "test"),
        ("3.png", "p2", "f3", "test"),
        ("4.png", "p3", "f4", "val"),
        ("4-rotated1.png", "p3", "f4", "test"),
        ("4-rotated2.png", "p3", "f4", "test"),
    ]
    records = [
        Record(path=path, label="a", group=group, split=split, sha256="", width=1, height=1, status="ok", film=film)
        for path, group, film, split in rows
    ]
    assert leaks(records) == Leaks(
        test_files=5,
        test_films=4,
        test_groups=3,
        leaked_files=3,
        leaked_films=2,
        leaked_groups=2,
        grouped_files=4,
    )
