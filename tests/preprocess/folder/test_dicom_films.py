"""DICOM films in a cleaning run: DICOM in gives DICOM out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import preprocess.folder.one_file
from preprocess.coco import write_coco
from preprocess.dicom import open_dicom
from preprocess.errors import OutputError
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image, to_grey8
from preprocess.markers import MarkedImage, Marker
from preprocess.settings import CleanSettings

from ..test_dicom_output import LETTER, MARKER, SHAPE, bone, dicom_bytes, stored

NEAR = (slice(4, 40), slice(42, 84))  # of the marker, with the margin of the mask

pydicom = pytest.importorskip("pydicom")


class BrightAreas:
    """A detector that finds the letter of the made films wherever it is brighter than all else."""

    def detect(self, image: np.ndarray) -> list[Marker]:
        place = image[LETTER]
        return [MARKER] if place.mean() > 200 and place.std() < 10 else []


@pytest.fixture
def films(tmp_path: Path) -> Path:
    root = tmp_path / "films"
    root.mkdir()
    (root / "a.dcm").write_bytes(dicom_bytes(bone(0, 4095), bits=12))
    plain = bone(0, 4095)
    plain[LETTER] = plain[50:66, 54:72]
    (root / "plain.dcm").write_bytes(dicom_bytes(plain, bits=12))
    markers = {"a.dcm": MarkedImage(SHAPE[1], SHAPE[0], (MARKER,)), "plain.dcm": MarkedImage(SHAPE[1], SHAPE[0])}
    write_coco(tmp_path / "markers.json", markers)
    return root


def detect_bright_areas(monkeypatch: pytest.MonkeyPatch, detector: Any = BrightAreas) -> None:
    monkeypatch.setattr(preprocess.folder.one_file, "_detector", lambda *key: detector())


def test_dicom_in_gives_dicom_out(films: Path) -> None:
    markers = films.with_name("markers.json")
    summary = clean_folder(films, options=FolderOptions(markers=markers))
    cleaned, plain = summary.rows
    assert (cleaned.output, cleaned.status, plain.output, plain.status) == ("a.dcm", "cleaned", "plain.dcm", "copied")
    assert (summary.out / "plain.dcm").read_bytes() == (films / "plain.dcm").read_bytes()
    before, after = (stored((folder / "a.dcm").read_bytes()) for folder in (films, summary.out))
    assert after[LETTER].mean() < 0.6 * before[LETTER].mean()
    after[NEAR] = before[NEAR]
    assert np.array_equal(before, after)
    # nobody looked again, so the tag says what it said
    assert open_dicom("a", (summary.out / "a.dcm").read_bytes()).BurnedInAnnotation == "YES"
    again = clean_folder(films, options=FolderOptions(markers=markers))
    assert again.resumed == 2


def test_dicom_can_become_png_as_before(films: Path) -> None:
    markers = films.with_name("markers.json")
    summary = clean_folder(films, options=FolderOptions(markers=markers, dicom_out="png"))
    assert [row.output for row in summary.rows] == ["a.png", "plain.dcm"]
    as_dicom = clean_folder(films, films.with_name("other"), FolderOptions(markers=markers))
    png, dicom = (to_grey8(read_image(run.out / run.rows[0].output)) for run in (summary, as_dicom))
    outside = np.ones(SHAPE, bool)
    outside[NEAR] = False
    assert np.array_equal(png[outside], dicom[outside])
    with pytest.raises(OutputError, match=r"was cleaned with dicom_out 'png' \(now 'dicom'\)"):
        clean_folder(films, options=FolderOptions(markers=markers))


def test_a_folder_of_an_older_version_is_continued(films: Path) -> None:
    markers = films.with_name("markers.json")
    summary = clean_folder(films, options=FolderOptions(markers=markers, dicom_out="png"))
    settings = json.loads((summary.out / "clean.json").read_text())
    del settings["dicom_out"], settings["overlays"], settings["residual"]
    (summary.out / "clean.json").write_text(json.dumps(settings))
    again = clean_folder(films, options=FolderOptions(markers=markers))
    assert again.resumed == 2
    assert [row.output for row in again.rows] == ["a.png", "plain.dcm"]


def test_burned_in_annotation_is_no_only_if_nothing_is_left(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detect_bright_areas(monkeypatch)
    summary = clean_folder(films)
    assert open_dicom("a", (summary.out / "a.dcm").read_bytes()).BurnedInAnnotation == "NO"
    kept = clean_folder(films, films.with_name("b"), FolderOptions(settings=CleanSettings(keep="^L$")))
    assert open_dicom("a", (kept.out / "a.dcm").read_bytes()).BurnedInAnnotation == "YES"

    class Stubborn:
        def detect(self, image: np.ndarray) -> list[Marker]:
            return [MARKER]

    detect_bright_areas(monkeypatch, Stubborn)
    left = clean_folder(films, films.with_name("c"))
    assert open_dicom("a", (left.out / "a.dcm").read_bytes()).BurnedInAnnotation == "YES"
    assert [row.residual for row in left.rows] == [(MARKER,), (MARKER,)]
    assert json.loads((left.out / "clean.json").read_text())["residual"] == {
        "films": 2,
        "cleaned": 2,
        "share": 1.0,
        "by_style": {"unknown style": 2},
    }


def test_markers_of_a_later_frame_are_erased_on_every_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = bone(0, 4095)
    plain[LETTER] = plain[50:66, 54:72]
    root = tmp_path / "films"
    root.mkdir()
    (root / "a.dcm").write_bytes(dicom_bytes(np.stack([plain, bone(0, 4095)]), bits=12))
    detect_bright_areas(monkeypatch)
    summary = clean_folder(root)
    assert summary.rows[0].markers == (MARKER,)
    data = (summary.out / "a.dcm").read_bytes()
    first, second = stored(data, 0), stored(data, 1)
    assert second[LETTER].mean() < 2500
    assert not np.array_equal(first[LETTER], plain[LETTER])
    changed = (first != plain) | (second != bone(0, 4095))
    changed[NEAR] = False
    assert not changed.any()


@pytest.mark.parametrize("overlays", ["keep", "erase"])
def test_overlays_are_kept_or_erased_and_counted(films: Path, overlays: Any) -> None:
    for name in ("a.dcm", "plain.dcm"):
        data = pydicom.dcmread(films / name)
        data.add_new((0x6000, 0x0010), "US", SHAPE[0])
        data.add_new((0x6000, 0x0011), "US", SHAPE[1])
        data.save_as(films / name)
    options = FolderOptions(markers=films.with_name("markers.json"), overlays=overlays)
    summary = clean_folder(films, options=options)
    assert [row.overlays for row in summary.rows] == ([1, 1] if overlays == "keep" else [0, 0])
    assert summary.rows[1].status == ("copied" if overlays == "keep" else "cleaned")
    assert np.array_equal(stored((summary.out / "plain.dcm").read_bytes()), stored((films / "plain.dcm").read_bytes()))


def test_masks_of_dicom_films_are_png_files(films: Path) -> None:
    options = FolderOptions(markers=films.with_name("markers.json"), masks_only=True)
    summary = clean_folder(films, options=options)
    assert [row.output for row in summary.rows] == ["a.png", "plain.png"]
    assert read_image(summary.out / "a.png")[LETTER].min() == 255


def test_dicom_test_images_keep_their_values(shared_data: Path, tmp_path: Path) -> None:
    from preprocess.formats.dicom_frame import decode_frame

    source = shared_data / "dicom"
    summary = clean_folder(source, tmp_path / "out", FolderOptions(paths=["WG04_RG3_RLE.dcm", "Fake_MONOHR1.dcm"]))
    for row in summary.rows:
        before, after = (open_dicom(row.path, (folder / row.path).read_bytes()) for folder in (source, summary.out))
        changed = decode_frame(before) != decode_frame(after)
        assert 0.9 * row.mask_fraction < changed.mean() <= row.mask_fraction + 1e-6
        assert after.PatientID == before.PatientID
        assert after.BurnedInAnnotation == "NO"
