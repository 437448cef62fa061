"""leaks.html and leaks.json: verdict, sizes and examples; names are escaped."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fxkit.cli.index import index_command
from fxkit.data.leaks import count_leaks, find_leaks, leak_stamp
from fxkit.data.manifest import Record, manifest_hash, read_manifest
from fxkit.index.build import IndexOptions, index_data
from fxkit.index.pages.leaks_page import (
    PAIRS,
    PAIRS_PER_FILM,
    Size,
    choose_examples,
    part_sizes,
    remove_old_leaks,
    verdict,
    write_leaks,
)
from fxkit.synth.dataset import Synthetic
from preprocess.images import write_image

BAD = "<script>alert(1)</script>"


def record(path: str, group: str, split: str, film: str = "", label: str = "a", patient: str = "") -> Record:
    return Record(path, label, group, split, "", 8, 8, "ok", film or group, patient)


def patients() -> list[Record]:
    """Return a test part with two copies of a training film, another film of its patient, and a new patient."""
    rows = [
        ("1.png", "p1", "train", "f1"),
        ("1-rotated1.png", "p1", "test", "f1"),
        ("1-rotated2.png", "p1", "test", "f1"),
        ("2.png", "p1", "test", "f2"),
        ("3.png", "p2", "test", "f3"),
        ("4.png", "p3", "val", "f4"),
    ]
    return [record(path, group, split, film, patient=group) for path, group, split, film in rows]


def write_films(root: Path, records: list[Record]) -> Path:
    for number, row in enumerate(records):
        write_image(root / row.path, np.full((8, 8), 20 * number, np.uint8))
    return root


def page_of(records: list[Record], root: Path) -> str:
    page = write_leaks(root / "out", records, root).read_text(encoding="utf-8")
    return re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_the_verdict_counts_files_films_and_patients() -> None:
    assert verdict(count_leaks(patients())) == (
        "2 of 4 test files (50 %) have a copy of the same film in training; 1 more (25 %) shows another film of a "
        "training patient. The test part is worth 3 films of 2 patients, not 4 files; 1 film of 1 patient of these is "
        "new to the training."
    )
    assert verdict(count_leaks(patients(), "val")) == (
        "No leak found: no val file has a copy of its film, or another film of its patient, in training, "
        "as far as the manifest tells. The val part is worth 1 film of 1 patient."
    )
    assert verdict(count_leaks(patients()[:1])) == "There is no test part."


def test_a_group_of_one_film_is_not_counted_twice() -> None:
    rows = [record(f"{split}{i}.png", "g1", split) for split in ("train", "test") for i in range(1500)]
    assert verdict(count_leaks(rows)) == (
        "1,500 of 1,500 test files (100 %) have a copy of the same film in training. The test part is worth 1 film, "
        "not 1,500 files; none of these is new to the training."
    )


def test_sizes_are_counted_with_and_without_leaks() -> None:
    assert part_sizes(patients(), [count_leaks(patients(), part) for part in ("test", "val")]) == [
        Size("train", 1, 1, 1),
        Size("val", 1, 1, 1),
        Size("test", 4, 3, 2),
        Size("test without leaks", 1, 1, 1),
    ]


def test_the_examples_come_from_all_films() -> None:
    rows = [record("0.png", "g0", "train"), record("9.png", "g9", "train")]
    rows += [record(f"0-rotated{i}.png", "g0", "test") for i in range(1, 100)] + [
        record("9-rotated1.png", "g9", "test")
    ]
    chosen = [leak.record.path for leak in choose_examples(find_leaks(rows), PAIRS)]
    assert chosen[:3] == ["0-rotated1.png", "9-rotated1.png", "0-rotated2.png"]
    assert len(chosen) == PAIRS_PER_FILM + 1
    many = [
        record(f"{i}{tail}.png", f"g{i}", split)
        for i in range(90)
        for tail, split in (("", "train"), ("-aug1", "test"))
    ]
    assert len(choose_examples(find_leaks(many), PAIRS)) == PAIRS


def test_the_page_shows_pairs_with_their_evidence(tmp_path: Path) -> None:
    rows = patients()
    page = page_of(rows, write_films(tmp_path, rows))
    text = words(page)
    assert "Yes: scores on this split are not honest 2 of 4 test files (50 %) have a copy" in text
    assert "test without leaks 1 1 1" in text
    assert "in test 1-rotated1.png a in training (train) 1.png a Evidence: the same film by name" in text
    assert "in test 2.png a in training (train) 1.png a Evidence: another film of the same patient" in text
    assert "f1 test p1 2 1-rotated1.png 1.png the same film by name" in text
    images = re.findall(r'<img src="data:image/jpeg;base64,[^"]+" alt="([^"]+)">', page)
    assert len(images) == page.count("<img") == 6
    assert images[:2] == ["Film 1-rotated1.png, in test", "Film 1.png, in training (train)"]
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_states_that_no_leak_was_found(tmp_path: Path) -> None:
    rows = [record(f"{split}.png", split, split) for split in ("train", "val", "test")]
    text = words(page_of(rows, write_films(tmp_path, rows)))
    assert "No leak found No leak found: no test file" in text
    assert "Examples" not in text
    assert "The manifest does not name all patients" in text


def test_a_leak_of_the_val_part_is_reported(tmp_path: Path) -> None:
    rows = [record("1.png", "g1", "train"), record("1-aug1.png", "g1", "val", label="b"), record("2.png", "g2", "test")]
    text = words(page_of(rows, write_films(tmp_path, rows)))
    assert "Yes: the val part leaks No leak found: no test file" in text
    assert "The only val file has a copy of the same film in training" in text
    assert "the classes differ" in text


def test_names_are_escaped_and_missing_films_are_reported(tmp_path: Path) -> None:
    rows = [record(f"{i}-{BAD}\n.png", BAD, split, label=BAD) for i, split in enumerate(("train", "test"))]
    page = page_of(rows, tmp_path)
    assert "<script" not in page
    assert "cannot be read" in page
    assert words(page).count("0-&lt;script&gt;alert(1)&lt;/script&gt;\\n.png") == 2
    assert "by pixels, or linked through other copies" in page


def test_leaks_json_lists_all_leaks(tmp_path: Path) -> None:
    rows = patients()
    write_leaks(tmp_path, rows, tmp_path)
    values = json.loads((tmp_path / "leaks.json").read_text())
    assert values["manifest_sha256"] == manifest_hash(rows)
    assert values["stamp"] == leak_stamp(rows)
    assert values["verdict"].startswith("2 of 4 test files (50 %)")
    assert [(part["part"], part["grouped_files"]) for part in values["parts"]] == [("test", 3), ("val", 0)]
    assert [(leak["file"], leak["training_file"], leak["known_by"]) for leak in values["leaks"]] == [
        ("1-rotated1.png", "1.png", "name"),
        ("1-rotated2.png", "1.png", "name"),
        ("2.png", "1.png", "group"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "written"), [(["--split", "random"], True), ([], False)])
def test_index_writes_the_page_for_splits_that_may_leak(
    made: Synthetic, tmp_path: Path, arguments: list[str], written: bool
) -> None:
    out = tmp_path / "manifest.csv"
    result = CliRunner().invoke(index_command, [str(made.root), "--out", str(out), *arguments], catch_exceptions=False)
    assert (tmp_path / "leaks.html").is_file() == written
    assert (f"leaks: {tmp_path / 'leaks.html'}" in result.stdout.splitlines()) == written
    if written:
        assert json.loads((tmp_path / "leaks.json").read_text())["stamp"] == leak_stamp(read_manifest(out))


@pytest.mark.slow
def test_leaks_of_a_missing_manifest_are_removed(made: Synthetic, tmp_path: Path) -> None:
    def index(name: str, *arguments: str) -> set[str]:
        more = ["--out", str(tmp_path / name), "--cache", str(tmp_path / "cache"), "--no-copies", "--overwrite"]
        result = CliRunner().invoke(index_command, [str(made.root), *more, *arguments], catch_exceptions=False)
        assert result.exit_code == 0
        return {path.name for path in tmp_path.iterdir()} & {"leaks.html", "leaks.json"}

    assert len(index("random.csv", "--split", "random")) == 2
    assert len(index("grouped.csv", "--no-pages")) == 2  # they describe random.csv, which still exists
    assert not index("random.csv", "--no-pages")


def test_leaks_of_another_program_are_left_unchanged(tmp_path: Path) -> None:
    (tmp_path / "leaks.json").write_text("[]")
    (tmp_path / "leaks.html").write_text("mine")
    remove_old_leaks(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"leaks.html", "leaks.json"}


@pytest.mark.slow
def test_a_leak_of_a_published_split_is_found(shared_data: Path, tmp_path: Path) -> None:
    """Index all originals and every twelfth file of a published split with a test film that is also in training."""
    with (shared_data / "forearm" / "patients.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for n, row in enumerate(csv.DictReader(file)) if n % 12 == 0 or "rotated" not in row["path"]]
    split = {"training": "train", "testing": "test"}
    text = "".join(f"{row['path']},{row['label']},{split[row['path'].split('/')[0]]}\n" for row in rows)
    (tmp_path / "sample.csv").write_text("path,label,split\n" + text)
    index = index_data(tmp_path / "sample.csv", IndexOptions(root=shared_data / "forearm", split="keep"))
    page = page_of(list(index.records), tmp_path)
    assert "4 of 52 test files (8 %) have a copy of the same film in training" in words(page)
    assert "The test part is worth 11 films, not 52 files; 10 films of these are new" in words(page)
