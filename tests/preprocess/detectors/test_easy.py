"""These tests use networks with random weights. They find only noise, but every part of the code runs."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from preprocess.clean_image import clean_image
from preprocess.detectors.build import build_detector
from preprocess.detectors.easy import FILES, EasyReader, default_folder
from preprocess.errors import DetectorError
from preprocess.settings import CleanSettings

from ..conftest import film, write_text


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from easyocr.config import recognition_models
    from easyocr.craft import CRAFT
    from easyocr.model.vgg_model import Model

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("easyocr")
    torch.save(CRAFT().state_dict(), folder / "craft_mlt_25k.pth")
    characters = recognition_models["gen2"]["english_g2"]["characters"]
    reader = Model(input_channel=1, output_channel=256, hidden_size=256, num_class=len(characters) + 1)
    parallel = {f"module.{name}": value for name, value in reader.state_dict().items()}
    torch.save(parallel, folder / "english_g2.pth")
    return folder


@pytest.fixture
def accepted_models(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of networks, after making easyocr accept the checksums of its files."""
    from easyocr import config

    for entry, name in (
        (config.detection_models["craft"], FILES[0]),
        (config.recognition_models["gen2"]["english_g2"], FILES[1]),
    ):
        monkeypatch.setitem(entry, "md5sum", hashlib.md5((models / name).read_bytes()).hexdigest())
    return models


def test_the_reader_finds_and_reads(accepted_models: Path) -> None:
    reader = EasyReader(accepted_models)
    image = write_text(film(shape=(64, 96)), "R7", (40, 40))
    assert all(len(quad) == 4 and score == 0.7 for quad, score in reader.find(image))
    text, confidence = reader.read(image)
    assert isinstance(text, str)
    assert 0 <= confidence <= 1


def test_a_film_is_cleaned_with_easyocr(accepted_models: Path) -> None:
    settings = CleanSettings(detector="easyocr", side_px=96, turns=1)
    image = write_text(film(shape=(64, 96)), "R7", (40, 40))
    cleaned = clean_image(image, build_detector(settings, easyocr_models=accepted_models), settings)
    assert np.array_equal(cleaned.image[~cleaned.mask], image[~cleaned.mask])


def test_upright_boxes_and_free_quads_become_quads(accepted_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = EasyReader(accepted_models)
    turned = [[1, 2], [3, 4], [5, 6], [7, 8]]
    monkeypatch.setattr(reader._reader, "detect", lambda *_, **__: ([[[10, 30, 5, 12]]], [[turned]]))
    (box, _), (quad, _) = reader.find(film())
    assert box == ((10, 5), (30, 5), (30, 12), (10, 12))
    assert quad == ((1, 2), (3, 4), (5, 6), (7, 8))


def test_files_with_an_unknown_checksum_are_refused_but_not_deleted(models: Path) -> None:
    with pytest.raises(DetectorError, match=r"cannot be loaded \(MD5 mismatch for .*use --detector rapidocr"):
        EasyReader(models)
    assert all((models / name).is_file() for name in FILES)


def test_missing_files_are_named_with_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_net(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("easyocr.easyocr.download_and_unzip", no_net)
    with pytest.raises(DetectorError) as caught:
        EasyReader(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}: easyocr: craft_mlt_25k.pth and english_g2.pth missing, and not downloaded")
    assert "no route to host" in text
    assert "put craft_mlt_25k.pth and english_g2.pth" in text
    assert "into this folder" in text
    assert "\n" not in text


def test_a_single_missing_file_is_not_downloaded(models: Path, tmp_path: Path) -> None:
    (tmp_path / FILES[0]).write_bytes((models / FILES[0]).read_bytes())
    with pytest.raises(DetectorError, match=r"easyocr: english_g2\.pth missing"):
        EasyReader(tmp_path)
    assert (tmp_path / FILES[0]).is_file()


def test_the_default_folder_is_that_of_easyocr(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EASYOCR_MODULE_PATH", str(tmp_path))
    assert default_folder() == tmp_path / "model"
    monkeypatch.delenv("EASYOCR_MODULE_PATH")
    monkeypatch.delenv("MODULE_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".EasyOCR" / "model"
