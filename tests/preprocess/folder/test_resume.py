import errno
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from preprocess.coco import read_coco, write_coco
from preprocess.errors import DetectorError, OutputError
from preprocess.files import sha256_of
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.folder.resume import RunIdentity
from preprocess.images import write_image
from preprocess.ledger import read_ledger
from preprocess.markers import MarkedImage
from preprocess.settings import NETWORK, CleanSettings, read_clean_settings

from ..conftest import contents, film

Films = Callable[..., tuple[Path, Path]]


def weights_of(settings: CleanSettings, markers: str = "") -> str:
    return str(RunIdentity(settings, False, markers).as_json()["weights_sha256"])


@pytest.mark.parametrize("name", ["markernet", "union"])
def test_clean_json_records_the_hash_of_the_network(name: str, tmp_path: Path) -> None:
    assert weights_of(CleanSettings(detector=name)) == sha256_of(NETWORK)
    (tmp_path / "site.onnx").write_bytes(b"tuned")
    tuned = CleanSettings(detector=name, weights=str(tmp_path / "site.onnx"))
    assert weights_of(tuned) == sha256_of(tmp_path / "site.onnx")


def test_no_network_hash_is_recorded_if_no_network_runs() -> None:
    assert weights_of(CleanSettings(detector="rapidocr")) == ""
    assert weights_of(CleanSettings(weights="nosuch.onnx"), markers="1234") == ""


def test_a_missing_network_file_is_refused() -> None:
    with pytest.raises(
        DetectorError,
        match=r"^nosuch\.onnx: cannot be read \([Nn]o such .*give an \.onnx file that `fxkit markernet` wrote",
    ):
        weights_of(CleanSettings(weights="nosuch.onnx"))


def test_clean_json_records_settings_marker_file_and_versions() -> None:
    content = RunIdentity(CleanSettings(turns=1), True, "12").as_json()
    assert content["settings"] == CleanSettings(turns=1).model_dump()
    assert (content["masks_only"], content["markers_sha256"]) == (True, "12")
    assert {"onnxruntime", "rapidocr", "easyocr", "numpy"} <= set(content["versions"])


def test_a_run_resumes_and_repairs_damaged_outputs(films: Films) -> None:
    root, coco = films(6)
    first = clean_folder(root, options=FolderOptions(markers=coco))
    whole = contents(first.out)
    assert clean_folder(root, options=FolderOptions(markers=coco)).resumed == 6
    (first.out / first.rows[0].output).write_bytes(b"damaged")
    (first.out / first.rows[1].output).unlink()
    second = clean_folder(root, options=FolderOptions(markers=coco))
    assert second.resumed == 4
    assert contents(first.out) == whole


def test_a_changed_source_is_cleaned_again_and_a_deleted_one_dropped_with_overwrite(films: Films) -> None:
    root, coco = films(6)
    first = clean_folder(root, options=FolderOptions(markers=coco))
    rows = tuple(first.rows)
    write_image(root / rows[0].path, film(99))
    (root / rows[1].path).unlink()
    before = contents(first.out)
    for paths in (None, [rows[2].path]):
        with pytest.raises(OutputError, match=r"holds cleaned films .*films: a/film 02\.png; .*--overwrite"):
            clean_folder(root, options=FolderOptions(markers=coco, paths=paths))
    assert contents(first.out) == before
    second = clean_folder(root, options=FolderOptions(markers=coco, overwrite=True))
    assert (len(second.rows), second.resumed) == (5, 4)
    assert not (first.out / rows[1].output).exists()
    fresh = clean_folder(root, root.with_name("fresh"), FolderOptions(markers=coco))
    assert contents(second.out) == contents(fresh.out)


def test_outputs_of_another_folder_are_removed_only_with_overwrite(films: Films) -> None:
    root, coco = films(6)
    other = root.with_name("other")
    for name in ("a/film 00.png", "new.png"):
        write_image(other / name, film(7))
    write_coco(coco, read_coco(coco) | {"new.png": MarkedImage(90, 120)})
    out = clean_folder(root, options=FolderOptions(markers=coco)).out
    before = contents(out)
    with pytest.raises(OutputError, match=r"not in .*other: a/film 02\.png, .*, b/film 01\.png and 2 more; choose an"):
        clean_folder(other, out, FolderOptions(markers=coco))
    assert contents(out) == before
    clean_folder(other, out, FolderOptions(markers=coco, overwrite=True))
    assert {name for name in contents(out) if name.endswith(".png")} == {"a/film 00.png", "new.png"}


def test_a_film_that_was_deleted_with_its_output_is_dropped(films: Films) -> None:
    root, coco = films(3)
    first = clean_folder(root, options=FolderOptions(markers=coco))
    rows = tuple(first.rows)
    (root / rows[0].path).unlink()
    (first.out / rows[0].output).unlink()
    assert clean_folder(root, options=FolderOptions(markers=coco)).resumed == 2
    assert set(read_ledger(first.out)) == {row.path for row in rows[1:]}


def test_an_outdated_output_is_removed(films: Films) -> None:
    root, coco = films(2)
    first = clean_folder(root, options=FolderOptions(markers=coco))
    content = json.loads(coco.read_text())
    coco.write_text(json.dumps({**content, "annotations": []}))
    with pytest.raises(OutputError, match=r"was cleaned with markers_sha256 .*choose another folder .*--overwrite"):
        clean_folder(root, options=FolderOptions(markers=coco))
    second = clean_folder(root, options=FolderOptions(markers=coco, overwrite=True))
    assert len(second.with_status("copied")) == 2
    assert contents(second.out) == contents(
        clean_folder(root, root.with_name("fresh"), FolderOptions(markers=coco)).out
    )
    assert first.out == second.out


def test_other_settings_are_refused_without_overwrite(films: Films) -> None:
    root, coco = films(2)
    out = clean_folder(root, options=FolderOptions(markers=coco)).out
    other = CleanSettings(grow_px=9.0)
    with pytest.raises(OutputError, match=r"was cleaned with grow_px 3\.0 \(now 9\.0\); choose another folder"):
        clean_folder(root, options=FolderOptions(markers=coco, settings=other))
    with pytest.raises(OutputError, match=r"was cleaned with masks_only False \(now True\)"):
        clean_folder(root, options=FolderOptions(markers=coco, masks_only=True))
    clean_folder(root, options=FolderOptions(markers=coco, settings=other, overwrite=True))
    assert read_clean_settings(out) == other


def test_a_folder_that_clean_labels_did_not_write_is_refused(films: Films) -> None:
    root, coco = films(2)
    (root.with_name("mine")).mkdir()
    (root.with_name("mine") / "thesis.txt").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is not empty and was not written by clean-labels") as caught:
            clean_folder(root, root.with_name("mine"), FolderOptions(markers=coco, overwrite=overwrite))
        assert "--overwrite" not in str(caught.value)
    assert set(contents(root.with_name("mine"))) == {"thesis.txt"}


def test_cleaning_a_part_of_the_films_keeps_the_other_outputs(films: Films) -> None:
    root, coco = films(6)
    whole = contents(clean_folder(root, root.with_name("whole"), FolderOptions(markers=coco)).out)
    part = root.with_name("films.csv")
    part.write_text("path\na/film 00.png\n")
    assert len(clean_folder(part, options=FolderOptions(root=root, markers=coco)).rows) == 1
    assert len(clean_folder(root, options=FolderOptions(markers=coco)).rows) == 6
    last = clean_folder(part, options=FolderOptions(root=root, markers=coco))
    assert (len(last.rows), last.resumed) == (1, 1)
    assert contents(last.out) == whole


def test_a_full_disk_stops_the_run_and_a_later_run_resumes(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    root, coco = films(6)
    whole = contents(clean_folder(root, root.with_name("whole"), FolderOptions(markers=coco)).out)
    write_bytes, written = Path.write_bytes, []

    def fill(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) == 5:
            write_bytes(path, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\); free some space"):
        clean_folder(root, options=FolderOptions(markers=coco))
    monkeypatch.undo()
    summary = clean_folder(root, options=FolderOptions(markers=coco))
    assert summary.resumed == 3
    assert contents(summary.out) == whole


KILLED = """
import sys
from preprocess.folder.clean_folder import FolderOptions, clean_folder
clean_folder(sys.argv[1], sys.argv[2], FolderOptions(markers=sys.argv[3]))
"""


@pytest.mark.slow
def test_a_run_that_was_killed_several_times_ends_with_the_same_bytes(films: Films, tmp_path: Path) -> None:
    root, coco = films(60)
    whole = contents(clean_folder(root, tmp_path / "whole", FolderOptions(markers=coco)).out)
    out = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(root), str(out), str(coco)]
    kills = 0
    for rows in (1, 7, 23, 40):
        process = subprocess.Popen(command)
        while process.poll() is None and count_lines(out) < rows:
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 2
    ledger = out / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-25])  # cuts the last line in the middle
    (out / f".{0:08x}.1.1.part").write_bytes(b"an interrupted write")
    subprocess.run(command, check=True)
    assert contents(out) == whole


def count_lines(out: Path) -> int:
    try:
        return (out / "ledger.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def test_a_ledger_with_a_path_outside_its_folder_is_refused(films: Films) -> None:
    root, coco = films(2)
    out = clean_folder(root, options=FolderOptions(markers=coco)).out
    ledger = out / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace("a/film 00.png", "../films/a/film 00.png"))
    with pytest.raises(OutputError, match="leads out of its folder"):
        clean_folder(root, options=FolderOptions(markers=coco))
    assert (root / "a/film 00.png").exists()
