"""Index whole data sets, synthetic and real: files, groups, splits and notes."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.data.leaks import count_leaks
from fxkit.data.manifest import count_splits, read_manifest, usable
from fxkit.errors import ConfigError, DataError
from fxkit.index import read_files
from fxkit.index.build import Index, IndexOptions, index_data, write_index
from fxkit.index.datacard.page import write_data_card
from fxkit.index.find_copies import NO_COPIES
from fxkit.index.pages.groups_page import write_groups
from fxkit.synth.dataset import Synthetic, SynthOptions, synth
from preprocess.errors import OutputError
from preprocess.images import write_image


def films(root: Path, *paths: str) -> Path:
    """Write small films that differ in their bytes."""
    for number, path in enumerate(paths):
        image = np.full((8, 8), number, np.uint8)
        image[0, 0] = number + 1
        image[0, 0] = 100 + len(path)
        write_image(root / path, image)
    return root


def many(root: Path, count: int = 4) -> Path:
    return films(
        root, *(f"{label}/{label}{n}{tail}.png" for label in "ab" for n in range(count) for tail in ("", "-rotated1"))
    )


def truth(made: Synthetic) -> dict[str, dict[str, str]]:
    with (made.root / "truth.csv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def test_synthetic_films_get_their_true_groups(made: Synthetic) -> None:
    known = truth(made)
    by_film = index_data(made.root, IndexOptions(copies=False))
    assert {r.path: r.film for r in by_film.records} == {path: row["film"] for path, row in known.items()}
    assert any("no patients are known" in note for note in by_film.notes)
    by_patient = index_data(made.root / "truth.csv", IndexOptions(copies=False))
    assert {r.path: r.group for r in by_patient.records} == {path: row["patient"] for path, row in known.items()}
    assert not count_leaks(by_patient.records).grouped_files
    unread, balance = by_patient.notes
    assert unread.endswith("truth.csv: columns that are not read: film, rotation_deg, style, side, view_deg, severity")
    assert balance.startswith(
        "balance of the split, largest deviation from the fractions in percentage points of each class: fract"
    )


@pytest.mark.slow
def test_two_processes_give_the_same_index(made: Synthetic, made_index: Index) -> None:
    seen: list[tuple[str, int, int]] = []
    index = index_data(
        made.root, IndexOptions(jobs=2), progress=lambda what, done, total: seen.append((what, done, total))
    )
    assert index.records == made_index.records
    assert seen[: made.files] == [("files", n, made.files) for n in range(1, made.files + 1)]
    assert {what for what, *_ in seen[made.files :]} == {"copies"}


def refuse(*_arguments: object, **_settings: object) -> None:
    raise AssertionError("called")


def test_without_copies_no_features_are_computed_and_a_later_run_computes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = synth(tmp_path / "films", SynthOptions(films=8, size_px=96, seed=3))
    options = IndexOptions(split="none", copies=False, cache=tmp_path / "m.cache")
    with monkeypatch.context() as patched:
        patched.setattr(read_files, "features_of", refuse)
        index = index_data(made.root, options)
        write_data_card(tmp_path, index, None, tmp_path / "m.cache")
        write_groups(tmp_path, index.records, index.root, index.copies)
    assert index.copies == NO_COPIES
    assert len(index.facts) == made.files
    later = index_data(made.root, replace(options, copies=True))
    assert later == index_data(made.root, IndexOptions(split="none"))
    assert later.copies.groups
    monkeypatch.setattr(read_files, "read_file", refuse)
    assert index_data(made.root, replace(options, copies=True)) == later
    assert index_data(made.root, options) == index


def test_without_copies_an_accepted_pair_is_still_joined(tmp_path: Path) -> None:
    root = many(tmp_path / "raw", 6)
    (tmp_path / "accept.csv").write_text("first,second\na/a0.png,b/b0.png\n")
    index = index_data(root, IndexOptions(copies=False, accept=tmp_path / "accept.csv"))
    groups = {record.path: record.group for record in index.records}
    assert groups["a/a0.png"] == groups["a/a0-rotated1.png"] == groups["b/b0.png"] == groups["b/b0-rotated1.png"]
    assert len(set(groups.values())) == 11
    assert len(index.copies.groups) == 2


def test_unreadable_files_are_listed_with_the_reason(tmp_path: Path) -> None:
    root = many(tmp_path / "raw")
    whole = (root / "a" / "a0.png").read_bytes()
    (root / "a" / "cut.png").write_bytes(whole[:-30])
    (root / "a" / "empty.png").touch()
    (root / "b" / "text\nfile.jpg").write_text("no image")
    (root / "b" / "huge.png").write_bytes(whole)
    write_image(root / "b" / "huge.png", np.zeros((100, 100), np.uint8))
    index = index_data(root, IndexOptions(max_pixels=5000))
    bad = {r.path: r for r in index.records if r.status != "ok"}
    assert bad["a/cut.png"].status.startswith("truncated or corrupt (")
    assert bad["a/empty.png"].status == "zero bytes long; copy the file again"
    assert bad["b/text\nfile.jpg"].status.startswith("not an image; expected PNG")
    assert "more than the limit of 5000" in bad["b/huge.png"].status
    assert {r.split for r in bad.values()} == {""}
    assert len(usable(index.records)) == 16
    write_index(tmp_path / "manifest.csv", index)
    assert tuple(read_manifest(tmp_path / "manifest.csv")) == index.records


def test_csv_rows_without_a_file_are_listed(tmp_path: Path) -> None:
    many(tmp_path)
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in sorted(tmp_path.glob("*/*.png"))]
    (tmp_path / "films.csv").write_text("\n".join(["path,label", *rows, "a/gone.png,a"]))
    index = index_data(tmp_path / "films.csv")
    gone = next(r for r in index.records if r.path == "a/gone.png")
    assert gone.status == "cannot be read (No such file or directory)"


def test_unusual_names_and_link_loops_are_handled(tmp_path: Path) -> None:
    root = many(tmp_path / "raw")
    films(root, "a/Röntgen 骨折 (left).png", "b/line\nbreak.png")
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "self.png").symlink_to(root / "a" / "self.png")
    index = index_data(root)
    assert {r.path for r in index.records if r.status != "ok"} == {"a/self.png"}
    assert {"a/Röntgen 骨折 (left).png", "b/line\nbreak.png"} < {r.path for r in usable(index.records)}


def test_identical_files_in_two_classes_give_a_warning(tmp_path: Path) -> None:
    root = many(tmp_path / "raw", 6)
    shutil.copy(root / "a" / "a0.png", root / "b" / "again.png")
    index = index_data(root)
    assert any(
        note.startswith("WARNING: 2 byte-identical files have different classes: a/a0.png = b/again.png")
        for note in index.notes
    )
    groups = {r.path: r.group for r in index.records}
    assert groups["a/a0.png"] == groups["a/a0-rotated1.png"] == groups["b/again.png"] == "a/a0"


def test_files_without_a_patient_are_counted_in_a_note(tmp_path: Path) -> None:
    many(tmp_path)
    paths = sorted(tmp_path.glob("*/*.png"))
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name},{'p1' if n == 0 else ''}" for n, path in enumerate(paths)]
    (tmp_path / "films.csv").write_text("\n".join(["path,label,patient", *rows]))
    assert "15 of 16 files have no patient and are grouped by film instead" in index_data(tmp_path / "films.csv").notes


def test_copies_of_different_patients_give_a_note(tmp_path: Path) -> None:
    many(tmp_path)
    paths = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.glob("*/*.png"))]
    rows = [f"{path},{path[0]},{'P9' if path == 'a/a0-rotated1.png' else path[:4]}" for path in paths]
    (tmp_path / "films.csv").write_text("\n".join(["path,label,patient", *rows]))
    note, _balance = index_data(tmp_path / "films.csv", IndexOptions(copies=False)).notes
    assert note.startswith(
        "1 film name belongs to several patients: a/a0 (P9, a/a0); the files of each patient count as"
    )


def test_a_split_that_is_not_kept_gives_a_note(tmp_path: Path) -> None:
    root = films(
        tmp_path, *(f"{split}/{label}/{split}{n}.png" for split in ("train", "test") for label in "ab" for n in "12")
    )
    note = "the data's own split is not kept; `fxkit index --keep-split` keeps it"
    assert note in index_data(root).notes
    assert (
        note
        not in index_data(root, IndexOptions(split="keep")).notes + index_data(root, IndexOptions(split="none")).notes
    )


def test_a_kept_split_reports_its_leaks_and_gets_a_val_part(tmp_path: Path) -> None:
    names = [f"training/{label}/{n}.png" for label in "ab" for n in range(8)]
    root = films(tmp_path, *names, "testing/a/0-rotated1.png", "testing/a/9.png", "testing/b/10.png")
    index = index_data(root, IndexOptions(split="keep"))
    counts = {count.split: count.files for count in count_splits(index.records)}
    assert counts == {"train": 14, "val": 2, "test": 3, "all": 19}
    assert "the given split has no val part: 2 of the 16 train files were moved to val, by group" in index.notes
    assert index.notes[-1] == (
        "WARNING: the given split: 1 of 3 (33.3 %) test files have a copy of the same film in training; "
        "1 of 3 (33.3 %) share their group (patient or film); 1 of 3 test films and 1 of 3 test groups are "
        "affected. Scores on this test split are not honest"
    )


def test_a_kept_split_without_leaks_is_unchanged(tmp_path: Path) -> None:
    names = [f"{part}/{label}/{part}.png" for part in ("train", "valid", "test") for label in "ab"]
    index = index_data(films(tmp_path, *names), IndexOptions(split="keep"))
    assert [r.split for r in index.records] == ["test", "test", "train", "train", "val", "val"]
    assert index.notes[-1].startswith("the given split: 0 of 2 (0.0 %) test files have a copy")


def test_a_kept_split_without_a_train_part_gives_a_warning(tmp_path: Path) -> None:
    index = index_data(films(tmp_path, "test/a/1.png", "test/b/2.png"), IndexOptions(split="keep"))
    assert "WARNING: the given split has no train part" in index.notes
    assert {r.split for r in index.records} == {"test"}


def test_keeping_a_missing_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"--keep-split, but 16 of 16 files have no split \(a/a0-rotated1.png, .*13 more\)"
    ):
        index_data(many(tmp_path), IndexOptions(split="keep"))


@pytest.mark.slow
def test_a_random_split_reports_its_leaks(made: Synthetic) -> None:
    index = index_data(made.root, IndexOptions(split="random"))
    counted = count_leaks(index.records)
    assert counted.leaked_files > 0.5 * counted.files
    assert f"{counted.leaked_files} of {counted.files} (" in index.notes[-1]
    assert index.notes[-1].startswith("WARNING: this random split of files: ")


def test_too_few_groups_are_refused_with_the_name_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"raw: class 'a': 2 groups for 3 splits; expected at least one group for each"):
        index_data(many(tmp_path / "raw", 2))


def test_without_a_split_all_files_are_for_testing(made: Synthetic) -> None:
    index = index_data(made.root, IndexOptions(split="none", copies=False))
    assert {r.split for r in index.records} == {""}
    assert len(usable(index.records)) == made.files
    assert index.notes == (
        "no patients are known (72 of 72 files have none): films of one patient count as independent; to prevent that, "
        "index a CSV file with a column patient",
    )


def test_an_unknown_kind_of_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="split: 'folds'; expected one of grouped, keep, random"):
        index_data(tmp_path, IndexOptions(split="folds"))


def test_several_folders_with_a_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x, .*y: folders with --root \.; --root belongs to a CSV file: leave it out"):
        index_data([tmp_path / "x", tmp_path / "y"], IndexOptions(root="."))


def test_data_without_a_readable_file_are_refused(tmp_path: Path) -> None:
    for path in ("a/1.png", "b/2.png"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).touch()
    with pytest.raises(DataError, match=r"none of 2 files can be read; the first: a/1.png: zero bytes long"):
        index_data(tmp_path)


def test_data_with_one_readable_class_are_refused(tmp_path: Path) -> None:
    films(tmp_path, "a/1.png", "a/2.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "3.png").touch()
    with pytest.raises(DataError, match=r"only one class \('a'\) among the 2 readable files"):
        index_data(tmp_path)


def test_a_manifest_with_other_rows_is_not_overwritten(tmp_path: Path) -> None:
    index, out = index_data(many(tmp_path / "raw")), tmp_path / "manifest.csv"
    write_index(out, index)
    write_index(out, index)
    other = index_data(tmp_path / "raw", IndexOptions(seed=1))
    with pytest.raises(OutputError, match=r"manifest\.csv: already exists with different rows; choose another --out"):
        write_index(out, other)
    write_index(out, other, overwrite=True)
    assert tuple(read_manifest(out)) == other.records


@pytest.mark.slow
def test_real_forearms_are_grouped_by_film_without_crossing_patients(shared_data: Path, tmp_path: Path) -> None:
    """Index all originals and every twelfth copy: each group must belong to one patient."""
    with (shared_data / "forearm" / "patients.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for n, row in enumerate(csv.DictReader(file)) if n % 12 == 0 or "rotated" not in row["path"]]
    text = "".join(f"{row['path']},{row['label']}\n" for row in rows)
    (tmp_path / "sample.csv").write_text("path,label\n" + text)
    index = index_data(tmp_path / "sample.csv", IndexOptions(root=shared_data / "forearm"))
    stems = {row["path"]: (row["stem"], row["patient"]) for row in rows}
    groups: dict[str, set[str]] = {}
    homes: dict[str, set[str]] = {}
    for record in index.records:
        stem, patient = stems[record.path]
        groups.setdefault(record.group, set()).add(patient)
        homes.setdefault(stem, set()).add(record.group)
    assert len(homes) == 123
    assert {len(patients) for patients in groups.values()} == {1}
    assert {len(names) for names in homes.values()} == {1}


def test_real_truncated_files_are_left_out(shared_data: Path, tmp_path: Path) -> None:
    names = [f"not_fractured/IMG000{n}.jpg" for n in (4170, 4174, 4189, 4310, 4314)]
    rows = "".join(f"{name},intact\n" for name in names)
    broken = sorted((shared_data / "fracatlas_hand" / "fractured").glob("*.jpg"))[:3]
    rows += "".join(f"fractured/{path.name},broken\n" for path in broken)
    (tmp_path / "sample.csv").write_text("path,label\n" + rows)
    index = index_data(
        tmp_path / "sample.csv", IndexOptions(root=shared_data / "fracatlas_hand", fractions=(0.5, 0, 0.5))
    )
    bad = [r for r in index.records if r.status != "ok"]
    assert [r.path for r in bad] == names[:3]
    assert all("truncated" in r.status for r in bad)


def test_a_corrected_manifest_keeps_the_labels_that_the_data_gave(tmp_path: Path) -> None:
    root = films(tmp_path / "raw", *(f"{label}/{n}.png" for label in "ab" for n in range(4)))
    file = tmp_path / "verdicts.csv"
    file.write_text("film,path,label,new_label,verdict\nx,b/1.png,b,a,accept\n")
    corrected = index_data(root, IndexOptions(copies=False, split="none", labels=(file,)))
    write_index(tmp_path / "corrected.csv", corrected)
    again = index_data(tmp_path / "corrected.csv", IndexOptions(root=root, copies=False, split="none"))
    assert [(r.path, r.label, r.given_label) for r in again.records if r.given_label] == [("b/1.png", "a", "b")]
    assert not any("given_label" in note for note in again.notes)
    file.write_text("film,path,label,new_label,verdict\nx,b/1.png,a,b,accept\n")
    undone = index_data(tmp_path / "corrected.csv", IndexOptions(root=root, copies=False, split="none", labels=(file,)))
    assert not any(r.given_label for r in undone.records)


def test_accepted_verdicts_on_labels_replace_them_before_copies_are_compared(tmp_path: Path) -> None:
    root = films(tmp_path / "raw", *(f"{label}/{n}.png" for label in "ab" for n in range(4)))
    shutil.copy(root / "a" / "0.png", root / "b" / "twin.png")
    file = tmp_path / "verdicts.csv"
    file.write_text("film,path,label,new_label,verdict\nx,b/twin.png,b,a,accept\nx,b/1.png,b,b,reject\n")
    before = index_data(root, IndexOptions(copies=False, split="none"))
    index = index_data(root, IndexOptions(copies=False, split="none", labels=(file,)))
    changed = [(r.path, r.label, r.given_label) for r in index.records if r.given_label]
    assert changed == [("b/twin.png", "a", "b")]
    assert any("byte-identical files have different classes" in note for note in before.notes)
    assert not any("byte-identical files have different classes" in note for note in index.notes)
    assert any(
        note.startswith(f"{file}: the labels of 1 film (1 file) were replaced by accepted verdicts: b to a 1;")
        for note in index.notes
    )
