import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import preprocess.folder.one_file
from preprocess import listing
from preprocess.coco import read_coco, write_coco
from preprocess.errors import DetectorError, KnownError, MarkerFileError, OutputError
from preprocess.folder.clean_folder import clean_folder
from preprocess.images import read_image, write_image
from preprocess.ledger import read_ledger
from preprocess.listing import find_image
from preprocess.markers import MarkedImage, Marker, box_quad
from preprocess.settings import CleanSettings, read_clean_settings

from ..conftest import contents, film, write_text

Films = Callable[..., tuple[Path, Path]]


def test_marked_films_are_cleaned_and_the_others_copied(films: Films) -> None:
    root, coco = films(6)
    before = contents(root)
    summary = clean_folder(root, markers=coco)
    assert summary.out == root.with_name("films-clean")
    assert (len(summary.having("cleaned")), len(summary.having("copied"))) == (4, 2)
    assert contents(root) == before
    for row in summary.rows:
        source, output = root / row.path, summary.out / row.output
        assert find_image(summary.out, row.path) == output
        if row.status == "copied":
            assert output.read_bytes() == source.read_bytes()
            continue
        old, new = read_image(source), read_image(output)
        changed = old != new
        assert changed[12:23, 52:78].mean() > 0.5
        changed[6:29, 46:84] = False
        assert not changed.any()
        assert row.mask_fraction == pytest.approx(33 * 18 / (90 * 120), rel=0.3)
    assert read_coco(summary.out / "markers.json") == read_coco(coco)
    assert read_ledger(summary.out) == {row.path: row for row in summary.rows}


def test_the_output_names_no_place_and_no_time(films: Films) -> None:
    root, coco = films(3, "first")
    (root / "broken.png").write_bytes(b"x")
    summary = clean_folder(root, markers=coco)
    assert [row.error for row in summary.having("failed")] == [
        "broken.png: not an image; expected PNG, JPEG, TIFF, BMP, WEBP or DICOM"
    ]
    moved = root.rename(root.with_name("second"))
    again = clean_folder(moved, markers=coco)
    first, second = contents(summary.out), contents(again.out)
    linked = second.pop("review.html").replace(b'"../second"', b'"../first"')  # it links to the originals
    assert (second, linked) == (first, first.pop("review.html"))
    assert not any(str(root.parent).encode() in data for data in contents(again.out).values())


def test_16_bit_colour_and_jpeg_films_stay_as_they_are_outside_the_mask(tmp_path: Path) -> None:
    deep = film(dtype="uint16")
    write_image(tmp_path / "raw" / "deep.tif", deep)
    write_image(tmp_path / "raw" / "colour.jpg", np.dstack([film(1)] * 3))
    marked = MarkedImage(90, 120, (Marker(box_quad(50, 10, 80, 25)),))
    write_coco(tmp_path / "m.json", {"deep.tif": marked, "colour.jpg": marked})
    summary = clean_folder(tmp_path / "raw", markers=tmp_path / "m.json")
    for row in summary.rows:
        old, new = read_image(tmp_path / "raw" / row.path), read_image(summary.out / row.output)
        assert row.output.endswith(".png")
        assert old.dtype == new.dtype
        assert np.array_equal(old[40:], new[40:])
        assert not np.array_equal(old[:40], new[:40])


def test_a_run_goes_on_where_it_was_and_mends_what_was_spoilt(films: Films) -> None:
    root, coco = films(6)
    first = clean_folder(root, markers=coco)
    whole = contents(first.out)
    assert clean_folder(root, markers=coco).resumed == 6
    (first.out / first.rows[0].output).write_bytes(b"spoilt")
    (first.out / first.rows[1].output).unlink()
    second = clean_folder(root, markers=coco)
    assert second.resumed == 4
    assert contents(first.out) == whole


def test_a_changed_source_is_done_again_and_a_lost_one_dropped_when_told_to(films: Films) -> None:
    root, coco = films(6)
    first = clean_folder(root, markers=coco)
    rows = tuple(first.rows)
    write_image(root / rows[0].path, film(99))
    (root / rows[1].path).unlink()
    before = contents(first.out)
    for paths in (None, [rows[2].path]):
        with pytest.raises(OutputError, match=r"holds cleaned films .*films: a/film 02\.png; .*--overwrite"):
            clean_folder(root, markers=coco, paths=paths)
    assert contents(first.out) == before
    second = clean_folder(root, markers=coco, overwrite=True)
    assert (len(second.rows), second.resumed) == (5, 4)
    assert not (first.out / rows[1].output).exists()
    fresh = clean_folder(root, root.with_name("fresh"), markers=coco)
    assert contents(second.out) == contents(fresh.out)


def test_films_of_another_folder_are_not_removed(films: Films) -> None:
    root, coco = films(6)
    other = root.with_name("other")
    for name in ("a/film 00.png", "new.png"):
        write_image(other / name, film(7))
    write_coco(coco, read_coco(coco) | {"new.png": MarkedImage(90, 120)})
    out = clean_folder(root, markers=coco).out
    before = contents(out)
    with pytest.raises(OutputError, match=r"not in .*other: a/film 02\.png, .*, b/film 01\.png and 2 more; choose an"):
        clean_folder(other, out, markers=coco)
    assert contents(out) == before
    clean_folder(other, out, markers=coco, overwrite=True)
    assert {name for name in contents(out) if name.endswith(".png")} == {"a/film 00.png", "new.png"}


def test_an_output_that_was_removed_by_hand_with_its_film_is_not_missed(films: Films) -> None:
    root, coco = films(3)
    first = clean_folder(root, markers=coco)
    rows = tuple(first.rows)
    (root / rows[0].path).unlink()
    (first.out / rows[0].output).unlink()
    assert clean_folder(root, markers=coco).resumed == 2
    assert set(read_ledger(first.out)) == {row.path for row in rows[1:]}


def test_an_output_that_is_no_longer_made_is_removed(films: Films) -> None:
    root, coco = films(2)
    first = clean_folder(root, markers=coco)
    content = json.loads(coco.read_text())
    coco.write_text(json.dumps({**content, "annotations": []}))
    with pytest.raises(OutputError, match=r"was cleaned with markers_sha256 .*choose another folder .*--overwrite"):
        clean_folder(root, markers=coco)
    second = clean_folder(root, markers=coco, overwrite=True)
    assert len(second.having("copied")) == 2
    assert contents(second.out) == contents(clean_folder(root, root.with_name("fresh"), markers=coco).out)
    assert first.out == second.out


def test_other_settings_are_refused_unless_overwritten(films: Films) -> None:
    root, coco = films(2)
    out = clean_folder(root, markers=coco).out
    other = CleanSettings(grow_px=9.0)
    with pytest.raises(OutputError, match=r"was cleaned with grow_px 3\.0 \(now 9\.0\); choose another folder"):
        clean_folder(root, markers=coco, settings=other)
    with pytest.raises(OutputError, match=r"was cleaned with masks_only False \(now True\)"):
        clean_folder(root, markers=coco, masks_only=True)
    clean_folder(root, markers=coco, settings=other, overwrite=True)
    assert read_clean_settings(out) == other


def test_a_folder_of_something_else_is_refused(films: Films) -> None:
    root, coco = films(2)
    (root.with_name("mine")).mkdir()
    (root.with_name("mine") / "thesis.txt").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is not empty and not made by clean-labels") as caught:
            clean_folder(root, root.with_name("mine"), markers=coco, overwrite=overwrite)
        assert "--overwrite" not in str(caught.value)
    assert set(contents(root.with_name("mine"))) == {"thesis.txt"}


def test_some_files_can_be_added_without_losing_the_others(films: Films) -> None:
    root, coco = films(6)
    whole = contents(clean_folder(root, root.with_name("whole"), markers=coco).out)
    part = root.with_name("films.csv")
    part.write_text("path\na/film 00.png\n")
    assert len(clean_folder(part, root=root, markers=coco).rows) == 1
    assert len(clean_folder(root, markers=coco).rows) == 6
    last = clean_folder(part, root=root, markers=coco)
    assert (len(last.rows), last.resumed) == (1, 1)
    assert contents(last.out) == whole


def test_a_dry_run_writes_nothing(films: Films) -> None:
    root, coco = films(3)
    before = contents(root.parent)
    summary = clean_folder(root, markers=coco, dry_run=True)
    assert [row.status for row in summary.rows] == ["cleaned", "copied", "cleaned"]
    assert contents(root.parent) == before
    assert not summary.out.exists()


def test_a_dry_run_on_a_finished_folder_looks_at_new_films_only(films: Films) -> None:
    root, coco = films(4)
    (root / "b" / "film 03.png").rename(root.parent / "later.png")
    out = clean_folder(root, markers=coco).out
    (root.parent / "later.png").rename(root / "b" / "film 03.png")
    before = contents(root.parent)
    seen: list[int] = []
    summary = clean_folder(root, markers=coco, dry_run=True, progress=lambda done, _: seen.append(done))
    assert (len(summary.rows), summary.resumed, seen) == (4, 3, [4])
    assert contents(root.parent) == before
    with pytest.raises(OutputError, match=r"films-clean: was cleaned with masks_only False"):
        clean_folder(root, out, markers=coco, masks_only=True, dry_run=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_a_failed_row_and_stops_nothing(films: Films) -> None:
    root, coco = films(3)
    os.mkfifo(root / "pipe.png")
    for resumed in (0, 3):
        summary = clean_folder(root, markers=coco)
        assert summary.resumed == resumed
        assert [row.error for row in summary.having("failed")] == [
            "pipe.png: neither a file nor a folder (a pipe or a device); leave it out"
        ]


def test_a_missing_detector_is_told_before_anything_is_written(films: Films) -> None:
    root, coco = films(3)
    before = contents(root.parent)
    with pytest.raises(DetectorError, match=r"nosuch: easyocr: .* missing, and not downloaded \(no such folder\)"):
        clean_folder(root, settings=CleanSettings(detector="easyocr"), easyocr_models=root.parent / "nosuch")
    assert sorted(p.name for p in root.parent.iterdir()) == ["films", "films.json"]
    assert contents(root.parent) == before
    assert len(clean_folder(root, markers=coco).rows) == 3


def test_masks_only(films: Films) -> None:
    root, coco = films(3)
    summary = clean_folder(root, markers=coco, masks_only=True)
    mask = read_image(summary.out / "a/film 00.png")
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[10:25, 50:80] == 255).all()
    assert not read_image(summary.out / "a/film 02.png").any()
    assert {row.status for row in summary.rows} == {"masked"}
    assert json.loads((summary.out / "clean.json").read_text())["masks_only"] is True
    assert read_clean_settings(summary.out) is None


def test_marker_files_that_do_not_fit_are_told(films: Films, tmp_path: Path) -> None:
    root, _ = films(2)
    write_coco(tmp_path / "far.json", {"elsewhere.png": MarkedImage(1, 1)})
    with pytest.raises(MarkerFileError, match=r"none of its 1 images \(the first: elsewhere.png\) is among the 2"):
        clean_folder(root, markers=tmp_path / "far.json")
    small = MarkedImage(9, 9, (Marker(box_quad(1, 1, 2, 2)),))
    write_coco(tmp_path / "size.json", {"a/film 00.png": small, "b/film 01.png": MarkedImage(90, 120)})
    (row,) = clean_folder(root, markers=tmp_path / "size.json").having("failed")
    assert row.error.startswith("a/film 00.png: 90 x 120 px, but the marker file says 9 x 9")


def test_a_film_that_the_marker_file_does_not_list_fails_and_is_not_copied(films: Films, tmp_path: Path) -> None:
    root, coco = films(6)
    listed = read_coco(coco)
    del listed["b/film 03.png"]
    write_coco(tmp_path / "part.json", listed)
    summary = clean_folder(root, markers=tmp_path / "part.json")
    assert [(row.path, row.error) for row in summary.having("failed")] == [
        (
            "b/film 03.png",
            "b/film 03.png: not in part.json; list it with no annotations if it has no markers",
        )
    ]
    assert len(summary.having("copied")) == 2
    assert not (summary.out / "b/film 03.png").exists()


def test_a_name_that_another_source_takes_is_a_failed_row(tmp_path: Path) -> None:
    marked = {}
    for name in ("a.jpg", "a.png", "a.jpg.png"):
        write_image(tmp_path / "raw" / name, film())
        marked[name] = MarkedImage(90, 120, (Marker(box_quad(50, 10, 80, 25)),))
    write_coco(tmp_path / "m.json", marked)
    (row,) = clean_folder(tmp_path / "raw", markers=tmp_path / "m.json").having("failed")
    assert row.error == "a.jpg: the PNG made of it would take another file's name; rename one of them"


def test_odd_names_and_loops_go_through(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    for name in ("with space.png", "影像\nline.png", os.fsdecode(b"bytes\xff.png"), "x" * 251 + ".png", "<b>.png"):
        write_image(root / name, film())
    write_image(root / ("y" * 251 + ".bmp"), film())
    write_image(root / ("z" * 250 + ".bmp"), film())
    write_image(root / ("z" * 250 + ".tif"), film())
    (root / "loop").symlink_to(root)
    names = [p.name for p in root.iterdir() if p.is_file()]
    write_coco(tmp_path / "m.json", {n: MarkedImage(90, 120, (Marker(box_quad(50, 10, 80, 25)),)) for n in names})
    summary = clean_folder(root, markers=tmp_path / "m.json")
    assert len(summary.rows) == 8
    assert [row.error for row in summary.having("failed")] == [
        "z" * 250 + f".{kind}.png: cannot be written (File name too long); free some space or choose another folder"
        for kind in ("bmp", "tif")
    ]
    assert len(contents(summary.out)) == 11
    assert "&lt;b&gt;.png" in (summary.out / "review.html").read_text("utf-8")


def test_a_folder_that_cannot_be_listed_is_a_failed_row(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    root, coco = films(4)
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "b" and "clean" not in str(folder):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(listing.os, "scandir", refuse)
    summary = clean_folder(root, markers=coco)
    assert [(row.path, row.error) for row in summary.having("failed")] == [
        ("b", "b: cannot be listed (Permission denied); check its permissions")
    ]
    assert len(summary.rows) == 3


def test_a_full_disk_stops_the_run_and_it_goes_on_later(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    root, coco = films(6)
    whole = contents(clean_folder(root, root.with_name("whole"), markers=coco).out)
    write_bytes, written = Path.write_bytes, []

    def fill(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) == 5:
            write_bytes(path, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\); free some space"):
        clean_folder(root, markers=coco)
    monkeypatch.undo()
    summary = clean_folder(root, markers=coco)
    assert summary.resumed == 3
    assert contents(summary.out) == whole


def test_a_file_that_breaks_the_code_does_not_stop_the_others(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    root, coco = films(3)
    erase = preprocess.folder.one_file.erase

    def break_once(image: np.ndarray, *rest: object) -> object:
        if image[0, 0] == read_image(root / "a/film 00.png")[0, 0]:
            raise RuntimeError("odd film")
        return erase(image, *rest)

    monkeypatch.setattr(preprocess.folder.one_file, "erase", break_once)
    summary = clean_folder(root, markers=coco)
    assert "cannot be cleaned (RuntimeError: odd film)" in summary.having("failed")[0].error
    assert len(summary.rows) == 3


KILLED = """
import sys
from preprocess.folder.clean_folder import clean_folder
clean_folder(sys.argv[1], sys.argv[2], markers=sys.argv[3])
"""


def test_runs_that_are_killed_end_with_the_same_bytes(films: Films, tmp_path: Path) -> None:
    root, coco = films(60)
    whole = contents(clean_folder(root, tmp_path / "whole", markers=coco).out)
    out = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(root), str(out), str(coco)]
    kills = 0
    for rows in (1, 7, 23, 40):
        process = subprocess.Popen(command)
        while process.poll() is None and lines(out) < rows:
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 2
    ledger = out / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-25])  # a line torn in its middle
    (out / f".{0:08x}.1.1.part").write_bytes(b"a write that was cut off")
    subprocess.run(command, check=True)
    assert contents(out) == whole


def lines(out: Path) -> int:
    try:
        return (out / "ledger.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def test_a_ledger_cannot_lead_to_files_elsewhere(films: Films) -> None:
    root, coco = films(2)
    out = clean_folder(root, markers=coco).out
    ledger = out / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace("a/film 00.png", "../films/a/film 00.png"))
    with pytest.raises(OutputError, match="leads out of its folder"):
        clean_folder(root, markers=coco)
    assert (root / "a/film 00.png").exists()


@pytest.mark.slow
def test_several_processes_find_and_erase_text(tmp_path: Path) -> None:
    for number in range(4):
        image = film(number, (300, 260))
        write_image(
            tmp_path / "raw" / f"{number}.png", write_text(image, f"R{number}7", (120, 80)) if number else image
        )
    settings = CleanSettings(read_text=False)
    one = clean_folder(tmp_path / "raw", tmp_path / "one", settings=settings)
    two = clean_folder(tmp_path / "raw", tmp_path / "two", settings=settings, jobs=2)
    assert contents(one.out) == contents(two.out)
    assert [row.status for row in one.rows] == ["copied", "cleaned", "cleaned", "cleaned"]
    assert read_clean_settings(one.out) == settings
    after = read_image(tmp_path / "one" / "1.png")
    assert after[40:100, 110:220].max() < 120


def test_progress_counts_every_file(films: Films) -> None:
    root, coco = films(4)
    seen: list[tuple[int, int]] = []
    clean_folder(root, markers=coco, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_data_must_exist(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="no such folder or CSV file"):
        clean_folder(tmp_path / "none")
