from pathlib import Path

import pytest

from preprocess.errors import DetectorError
from preprocess.files import sha256_of
from preprocess.folder.resume import Mode
from preprocess.settings import NETWORK, CleanSettings


def weights_of(settings: CleanSettings, markers: str = "") -> str:
    return str(Mode(settings, False, markers).as_json()["weights_sha256"])


@pytest.mark.parametrize("name", ["markernet", "union"])
def test_a_run_notes_which_network_decided(name: str, tmp_path: Path) -> None:
    assert weights_of(CleanSettings(detector=name)) == sha256_of(NETWORK)
    (tmp_path / "site.onnx").write_bytes(b"tuned")
    tuned = CleanSettings(detector=name, weights=str(tmp_path / "site.onnx"))
    assert weights_of(tuned) == sha256_of(tmp_path / "site.onnx")


def test_where_the_network_decides_nothing_none_is_noted() -> None:
    assert weights_of(CleanSettings(detector="rapidocr")) == ""
    assert weights_of(CleanSettings(weights="nosuch.onnx"), markers="1234") == ""


def test_a_network_that_is_not_there_is_told() -> None:
    with pytest.raises(
        DetectorError, match=r"^nosuch\.onnx: cannot be read \([Nn]o such .*give an \.onnx of `fxkit markernet`"
    ):
        weights_of(CleanSettings(weights="nosuch.onnx"))


def test_all_that_decides_is_noted() -> None:
    content = Mode(CleanSettings(turns=1), True, "12").as_json()
    assert content["settings"] == CleanSettings(turns=1).model_dump()
    assert (content["masks_only"], content["markers_sha256"]) == (True, "12")
    assert {"onnxruntime", "rapidocr", "easyocr", "numpy"} <= set(content["versions"])
