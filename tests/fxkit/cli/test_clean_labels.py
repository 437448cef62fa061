"""`fxkit clean-labels`: its options, what it prints, and its errors."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

import preprocess.folder.one_file
from fxkit.cli import fxkit
from preprocess.coco import write_coco
from preprocess.errors import KnownError
from preprocess.files import sha256_of
from preprocess.images import read_image, write_image
from preprocess.markers import MarkedImage, Marker, box_quad
from preprocess.settings import NETWORK


def run(*args: object) -> Result:
    return CliRunner().invoke(fxkit, ["clean-labels", *map(str, args)])


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two films. The file markers.json beside them lists a marker on the first."""
    film = np.full((80, 100), 60, np.uint8)
    film[40:60, 20:40] = 120
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "films" / name, film)
    marked = MarkedImage(100, 80, (Marker(box_quad(60, 10, 90, 25), "R"),))
    write_coco(tmp_path / "markers.json", {"a.png": marked, "b.png": MarkedImage(100, 80)})
    return tmp_path / "films"


def test_the_help_starts_with_the_purpose() -> None:
    text = run("--help").output
    assert text.split("\n\n")[1].strip().startswith("Find text markers on the films in DATA")


def test_counts_and_the_review_page_are_printed(films: Path) -> None:
    result = run(films, "--markers", films.with_name("markers.json"))
    assert result.exit_code == 0, result.output
    assert "2 files: 1 with 1 marker, 1 copied, 0 failed, 0 from an earlier run" in result.stdout
    assert "films-clean/review.html" in result.stdout.replace("\n", "")
    again = run(films, "--markers", films.with_name("markers.json"))
    assert "2 from an earlier run" in again.stdout
    assert result.stderr == again.stderr == ""  # no progress bar without a terminal


def test_markers_left_are_counted_and_strict_makes_them_an_error(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn:
        def detect(self, image: np.ndarray) -> list[Marker]:
            return [Marker(box_quad(60, 10, 90, 25), "R")] if image[50, 30] == 120 else []

    write_image(films / "b.png", np.full((80, 100), 60, np.uint8))
    monkeypatch.setattr(preprocess.folder.one_file, "_detector", lambda *key: Stubborn())
    result = run(films)
    assert result.exit_code == 0, result.output
    assert (
        "2 files: 1 with 1 marker, 1 copied, 0 failed, 0 from an earlier run; markers left on 1 film" in result.stdout
    )
    strict = run(films, "--strict")
    assert strict.exit_code == 1
    assert "2 from an earlier run; markers left on 1 film" in strict.stdout
    (films / "a.png").unlink()
    assert run(films, "--strict", "--overwrite").exit_code == 0


def test_overlays_of_dicom_films_are_told(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    (tmp_path / "films").mkdir()
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = 80, 100, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelData = (np.arange(8000) % 97).astype(np.uint8).tobytes()
    data.add_new((0x6000, 0x0010), "US", 80)
    data.save_as(tmp_path / "films" / "a.dcm", enforce_file_format=True)
    write_coco(tmp_path / "markers.json", {"a.dcm": MarkedImage(100, 80)})
    result = run(tmp_path / "films", "--markers", tmp_path / "markers.json")
    assert "note: 1 DICOM film has overlay planes, which fxkit does not read but viewers draw" in result.stderr
    erased = run(tmp_path / "films", "--markers", tmp_path / "markers.json", "--overlays", "erase", "--overwrite")
    assert "overlay" not in erased.stderr
    assert (0x6000, 0x0010) not in pydicom.dcmread(tmp_path / "films-clean" / "a.dcm")


def test_films_of_one_grey_value_are_told(films: Path) -> None:
    write_image(films / "b.png", np.full((80, 100), 60, np.uint8))
    for _ in range(2):  # the second time from the ledger
        result = run(films, "--markers", films.with_name("markers.json"))
        assert "WARNING: 1 file holds one grey value only, so no film is visible: b.png;" in result.stderr


def test_notes_on_a_table_come_before_the_work_and_before_an_error(films: Path) -> None:
    table = films.with_name("films.csv")
    table.write_text("Image Index;age\na.png;4\n")
    result = run(table, "--root", films, "--markers", films.with_name("missing.json"), "--out", films.with_name("out"))
    assert "column `Image Index` is read as path" in result.stderr
    assert isinstance(result.exception, KnownError)


def test_unreadable_files_are_listed_and_make_the_exit_code_1(films: Path) -> None:
    (films / "bad\nname.png").write_bytes(b"")
    result = run(films, "--markers", films.with_name("markers.json"))
    assert result.exit_code == 1
    assert "failed: bad\\nname.png: zero bytes long" in result.stderr
    assert "1 failed" in result.stdout


def test_a_film_that_is_not_in_the_marker_file_makes_the_exit_code_1(films: Path) -> None:
    write_image(films / "c.png", np.full((80, 100), 60, np.uint8))
    result = run(films, "--markers", films.with_name("markers.json"))
    assert result.exit_code == 1
    assert "failed: c.png: not in markers.json; list it with no annotations" in result.stderr


def test_a_dry_run_writes_nothing(films: Path) -> None:
    result = run(films, "--markers", films.with_name("markers.json"), "--dry-run")
    assert result.exit_code == 0
    assert "dry run: nothing was written to" in result.stdout
    assert not films.with_name("films-clean").exists()


def test_options_replace_settings_of_the_file(films: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("min_confidence: 0.9\nturns: 2\n")
    out = tmp_path / "out"
    markers = films.with_name("markers.json")
    result = run(films, "--markers", markers, "--config", tmp_path / "c.yaml", "--min-confidence", 0.2, "--out", out)
    assert result.exit_code == 0, result.output
    settings = json.loads((out / "clean.json").read_text())["settings"]
    assert (settings["min_confidence"], settings["turns"]) == (0.2, 2)


def test_the_settings_can_be_a_preset(films: Path, tmp_path: Path) -> None:
    markers = films.with_name("markers.json")
    assert run(films, "--markers", markers, "--config", "fast", "--out", tmp_path / "out").exit_code == 0
    assert json.loads((tmp_path / "out" / "clean.json").read_text())["settings"]["read_text"] is False


def rows_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("option", [("--keep", "^R$"), ("--only", "L")])
def test_markers_stay_by_their_text(films: Path, option: tuple[str, str]) -> None:
    result = run(films, "--markers", films.with_name("markers.json"), *option)
    assert result.exit_code == 0, result.output
    assert "2 files: 0 with 0 markers, 2 copied" in result.stdout
    for name in ("a.png", "b.png"):
        assert (films.with_name("films-clean") / name).read_bytes() == (films / name).read_bytes()


def test_the_mode_is_applied_and_stored(films: Path) -> None:
    result = run(films, "--markers", films.with_name("markers.json"), "--mode", "box", "--no-plates")
    assert result.exit_code == 0, result.output
    out = films.with_name("films-clean")
    assert read_image(out / "a.png")[17, 75] == 0
    settings = json.loads((out / "clean.json").read_text())["settings"]
    assert (settings["mode"], settings["plates"]) == ("box", False)


def test_a_film_fails_if_too_much_of_it_would_be_erased(films: Path) -> None:
    result = run(films, "--markers", films.with_name("markers.json"), "--max-fraction", 0.01)
    assert result.exit_code == 1
    assert "failed: a.png: 8.1% of the film would be erased, more than the limit of 1.0%" in result.stderr
    out = films.with_name("films-clean")
    assert not (out / "a.png").exists()
    assert [row["status"] for row in rows_of(out)] == ["failed", "copied"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--out", "films/inside"], "never changed"),
        (["--min-confidence", "1.5"], r"clean-labels: min_confidence = 1\.5: input should be less than or equal to 1"),
        (["--keep", "("], r"clean-labels: keep = '\(': not a regular expression"),
        (["--config", "fats"], "neither a file nor a preset"),
        (["--markers", "none.json"], "cannot be read"),
    ],
)
def test_wrong_options_are_known_errors(
    films: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], reason: str
) -> None:
    monkeypatch.chdir(films.parent)
    result = run("films", *options)
    assert isinstance(result.exception, KnownError)
    with pytest.raises(KnownError, match=reason):
        raise result.exception


def test_missing_easyocr_models_are_a_known_error(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_net(*_: object, **__: object) -> None:
        raise OSError("no net")

    monkeypatch.setattr("easyocr.easyocr.download_and_unzip", no_net)
    result = run(films, "--detector", "easyocr", "--easyocr-models", tmp_path / "models")
    assert isinstance(result.exception, KnownError)
    assert "put craft_mlt_25k.pth and english_g2.pth" in str(result.exception)


def test_real_text_is_found_and_erased(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(60, 3, (300, 260)).astype(np.uint8)
    cv2.putText(image, "R29", (60, 150), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 250, 3)
    write_image(tmp_path / "films" / "a.jpg", image)
    result = run(tmp_path / "films")
    assert result.exit_code == 0, result.output
    (row,) = map(json.loads, (tmp_path / "films-clean" / "ledger.jsonl").read_text().splitlines())
    assert row["output"] == "a.png"
    assert row["markers"][0]["text"] == "R29"


def test_another_network_does_not_continue_a_cleaned_folder(films: Path, tmp_path: Path) -> None:
    """A network is identified by its content, because a tuned one may have the same file name."""
    weights, out = tmp_path / "site.onnx", films.with_name("films-clean")
    shutil.copyfile(NETWORK, weights)
    options = (films, "--weights", weights, "--no-text")
    assert run(*options).exit_code == 0
    written = json.loads((out / "clean.json").read_text())
    assert written["weights_sha256"] == sha256_of(weights)
    assert "2 from an earlier run" in run(*options).stdout
    weights.write_bytes(NETWORK.read_bytes() + b"\x72\x00")  # append an empty field; the ONNX file stays valid
    result = run(*options)
    assert isinstance(result.exception, KnownError)
    assert "was cleaned with weights_sha256" in str(result.exception)
    again = run(*options, "--overwrite")
    assert again.exit_code == 0, again.output
    assert json.loads((out / "clean.json").read_text())["weights_sha256"] == sha256_of(weights)


def test_a_scheduler_and_the_dask_backend_need_each_other(films: Path) -> None:
    markers = films.with_name("markers.json")
    for options, text in ((["--scheduler", "tcp://a:1"], "add --backend dask"), (["--backend", "dask"], "--scheduler")):
        result = run(films, "--markers", markers, *options)
        assert isinstance(result.exception, KnownError)
        assert text in str(result.exception)
    assert not films.with_name("films-clean").exists()
