import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import preprocess.folder.one_file
from preprocess import listing
from preprocess.coco import read_coco, write_coco
from preprocess.errors import DetectorError, KnownError, MarkerFileError, OutputError
from preprocess.folder.clean_folder import FolderOptions, clean_folder
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
    summary = clean_folder(root, options=FolderOptions(markers=coco))
    assert summary.out == root.with_name("films-clean")
    assert (len(summary.with_status("cleaned")), len(summary.with_status("copied"))) == (4, 2)
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


def test_the_output_contains_no_absolute_path_and_no_date(films: Films) -> None:
    root, coco = films(3, "first")
    (root / "broken.png").write_bytes(b"x")
    summary = clean_folder(root, options=FolderOptions(markers=coco))
    assert [row.error for row in summary.with_status("failed")] == [
        "broken.png: not an image; expected PNG, JPEG, TIFF, BMP, WEBP or DICOM"
    ]
    moved = root.rename(root.with_name("second"))
    again = clean_folder(moved, options=FolderOptions(markers=coco))
    first, second = contents(summary.out), contents(again.out)
    for name in ("review.html", "clean.json"):  # the page links to the originals, and `fxkit review` shows them
        second[name] = second[name].replace(b'"../second"', b'"../first"')
    assert second == first
    assert not any(str(root.parent).encode() in data for data in contents(again.out).values())


def test_16_bit_and_colour_jpeg_films_are_unchanged_outside_the_mask(tmp_path: Path) -> None:
    deep = film(dtype="uint16")
    write_image(tmp_path / "raw" / "deep.tif", deep)
    write_image(tmp_path / "raw" / "colour.jpg", np.dstack([film(1)] * 3))
    marked = MarkedImage(90, 120, (Marker(box_quad(50, 10, 80, 25)),))
    write_coco(tmp_path / "m.json", {"deep.tif": marked, "colour.jpg": marked})
    summary = clean_folder(tmp_path / "raw", options=FolderOptions(markers=tmp_path / "m.json"))
    for row in summary.rows:
        old, new = read_image(tmp_path / "raw" / row.path), read_image(summary.out / row.output)
        assert row.output.endswith(".png")
        assert old.dtype == new.dtype
        assert np.array_equal(old[40:], new[40:])
        assert not np.array_equal(old[:40], new[:40])


def test_a_dry_run_writes_nothing(films: Films) -> None:
    root, coco = films(3)
    before = contents(root.parent)
    summary = clean_folder(root, options=FolderOptions(markers=coco, dry_run=True))
    assert [row.status for row in summary.rows] == ["cleaned", "copied", "cleaned"]
    assert contents(root.parent) == before
    assert not summary.out.exists()


def test_a_dry_run_on_a_finished_folder_checks_new_films_only(films: Films) -> None:
    root, coco = films(4)
    (root / "b" / "film 03.png").rename(root.parent / "later.png")
    out = clean_folder(root, options=FolderOptions(markers=coco)).out
    (root.parent / "later.png").rename(root / "b" / "film 03.png")
    before = contents(root.parent)
    progressed: list[int] = []
    summary = clean_folder(
        root, options=FolderOptions(markers=coco, dry_run=True), progress=lambda done, _: progressed.append(done)
    )
    assert (len(summary.rows), summary.resumed, progressed) == (4, 3, [4])
    assert contents(root.parent) == before
    with pytest.raises(OutputError, match=r"films-clean: was cleaned with masks_only False"):
        clean_folder(root, out, FolderOptions(markers=coco, masks_only=True, dry_run=True))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_gets_a_failed_row_and_the_run_continues(films: Films) -> None:
    root, coco = films(3)
    os.mkfifo(root / "pipe.png")
    for resumed in (0, 3):
        summary = clean_folder(root, options=FolderOptions(markers=coco))
        assert summary.resumed == resumed
        assert [row.error for row in summary.with_status("failed")] == [
            "pipe.png: neither a file nor a folder (a pipe or a device); leave it out"
        ]


def test_a_missing_detector_is_reported_before_anything_is_written(films: Films) -> None:
    root, coco = films(3)
    before = contents(root.parent)
    with pytest.raises(DetectorError, match=r"nosuch: easyocr: .* missing, and not downloaded \(no such folder\)"):
        clean_folder(
            root,
            options=FolderOptions(settings=CleanSettings(detector="easyocr"), easyocr_models=root.parent / "nosuch"),
        )
    assert sorted(p.name for p in root.parent.iterdir()) == ["films", "films.json"]
    assert contents(root.parent) == before
    assert len(clean_folder(root, options=FolderOptions(markers=coco)).rows) == 3


def test_masks_only_writes_a_mask_for_every_film(films: Films) -> None:
    root, coco = films(3)
    summary = clean_folder(root, options=FolderOptions(markers=coco, masks_only=True))
    mask = read_image(summary.out / "a/film 00.png")
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[10:25, 50:80] == 255).all()
    assert not read_image(summary.out / "a/film 02.png").any()
    assert {row.status for row in summary.rows} == {"masked"}
    assert json.loads((summary.out / "clean.json").read_text())["masks_only"] is True
    assert read_clean_settings(summary.out) is None


def test_marker_files_that_do_not_match_the_films_are_refused(films: Films, tmp_path: Path) -> None:
    root, _ = films(2)
    write_coco(tmp_path / "far.json", {"elsewhere.png": MarkedImage(1, 1)})
    with pytest.raises(
        MarkerFileError, match=r"no image in it \(the first: elsewhere.png\) is among the 2 images below"
    ):
        clean_folder(root, options=FolderOptions(markers=tmp_path / "far.json"))
    small = MarkedImage(9, 9, (Marker(box_quad(1, 1, 2, 2)),))
    write_coco(tmp_path / "size.json", {"a/film 00.png": small, "b/film 01.png": MarkedImage(90, 120)})
    (row,) = clean_folder(root, options=FolderOptions(markers=tmp_path / "size.json")).with_status("failed")
    assert row.error.startswith("a/film 00.png: 90 x 120 px, but the marker file says 9 x 9")


def test_a_film_that_the_marker_file_does_not_list_fails_and_is_not_copied(films: Films, tmp_path: Path) -> None:
    root, coco = films(6)
    listed = read_coco(coco)
    del listed["b/film 03.png"]
    write_coco(tmp_path / "part.json", listed)
    summary = clean_folder(root, options=FolderOptions(markers=tmp_path / "part.json"))
    assert [(row.path, row.error) for row in summary.with_status("failed")] == [
        (
            "b/film 03.png",
            "b/film 03.png: not in part.json; list it with no annotations if it has no markers",
        )
    ]
    assert len(summary.with_status("copied")) == 2
    assert not (summary.out / "b/film 03.png").exists()


def test_a_png_name_that_another_film_has_gives_a_failed_row(tmp_path: Path) -> None:
    marked = {}
    for name in ("a.jpg", "a.png", "a.jpg.png"):
        write_image(tmp_path / "raw" / name, film())
        marked[name] = MarkedImage(90, 120, (Marker(box_quad(50, 10, 80, 25)),))
    write_coco(tmp_path / "m.json", marked)
    (row,) = clean_folder(tmp_path / "raw", options=FolderOptions(markers=tmp_path / "m.json")).with_status("failed")
    assert row.error == "a.jpg: its PNG would have the name of another file; rename one of them"


def test_unusual_names_and_link_loops_are_handled(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    for name in ("with space.png", "影像\nline.png", os.fsdecode(b"bytes\xff.png"), "x" * 251 + ".png", "<b>.png"):
        write_image(root / name, film())
    write_image(root / ("y" * 251 + ".bmp"), film())
    write_image(root / ("z" * 250 + ".bmp"), film())
    write_image(root / ("z" * 250 + ".tif"), film())
    (root / "loop").symlink_to(root)
    names = [p.name for p in root.iterdir() if p.is_file()]
    write_coco(tmp_path / "m.json", {n: MarkedImage(90, 120, (Marker(box_quad(50, 10, 80, 25)),)) for n in names})
    summary = clean_folder(root, options=FolderOptions(markers=tmp_path / "m.json"))
    assert len(summary.rows) == 8
    assert [row.error for row in summary.with_status("failed")] == [
        "z" * 250 + f".{kind}.png: cannot be written (File name too long); free some space or choose another folder"
        for kind in ("bmp", "tif")
    ]
    assert len(contents(summary.out)) == 11
    assert "&lt;b&gt;.png" in (summary.out / "review.html").read_text("utf-8")


def test_a_folder_that_cannot_be_listed_gets_a_failed_row(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    root, coco = films(4)
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "b" and "clean" not in str(folder):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(listing.os, "scandir", refuse)
    summary = clean_folder(root, options=FolderOptions(markers=coco))
    assert [(row.path, row.error) for row in summary.with_status("failed")] == [
        ("b", "b: cannot be listed (Permission denied); check its permissions")
    ]
    assert len(summary.rows) == 3


def test_an_unexpected_error_in_one_file_does_not_stop_the_others(
    films: Films, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, coco = films(3)
    erase = preprocess.folder.one_file.erase

    def break_once(image: np.ndarray, *rest: object) -> object:
        if image[0, 0] == read_image(root / "a/film 00.png")[0, 0]:
            raise RuntimeError("unexpected")
        return erase(image, *rest)

    monkeypatch.setattr(preprocess.folder.one_file, "erase", break_once)
    summary = clean_folder(root, options=FolderOptions(markers=coco))
    assert "cannot be cleaned (RuntimeError: unexpected)" in summary.with_status("failed")[0].error
    assert len(summary.rows) == 3


@pytest.mark.slow
def test_several_processes_find_and_erase_text(tmp_path: Path) -> None:
    for number in range(4):
        image = film(number, (300, 260))
        write_image(
            tmp_path / "raw" / f"{number}.png", write_text(image, f"R{number}7", (120, 80)) if number else image
        )
    settings = CleanSettings(read_text=False)
    one = clean_folder(tmp_path / "raw", tmp_path / "one", FolderOptions(settings=settings))
    two = clean_folder(tmp_path / "raw", tmp_path / "two", FolderOptions(settings=settings, jobs=2))
    assert contents(one.out) == contents(two.out)
    assert [row.status for row in one.rows] == ["copied", "cleaned", "cleaned", "cleaned"]
    assert read_clean_settings(one.out) == settings
    after = read_image(tmp_path / "one" / "1.png")
    assert after[40:100, 110:220].max() < 120


def test_progress_counts_every_file(films: Films) -> None:
    root, coco = films(4)
    calls: list[tuple[int, int]] = []
    clean_folder(root, options=FolderOptions(markers=coco), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_missing_input_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="no such folder or CSV file"):
        clean_folder(tmp_path / "none")
