import json
from dataclasses import asdict
from pathlib import Path

import pytest

from preprocess.errors import KnownError, OutputError
from preprocess.settings import NETWORK, CleanSettings, read_clean_settings, read_settings, settings_from

PRESETS = Path(__file__).parents[2] / "configs" / "clean"


def test_settings_go_through_json_and_back() -> None:
    chosen = CleanSettings(min_confidence=0.7, turns=2)
    assert CleanSettings(**json.loads(json.dumps(asdict(chosen)))) == chosen


def test_the_default_preset_is_the_default() -> None:
    assert read_settings(PRESETS / "default.yaml") == CleanSettings()
    assert read_settings(PRESETS / "fast.yaml") == CleanSettings(read_text=False)


def test_the_network_that_comes_with_the_package_is_the_default() -> None:
    assert (CleanSettings().detector, CleanSettings().weights) == ("markernet", "")
    assert NETWORK.is_file()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"min_confidence": 1.5}, r"clean\.min_confidence is 1\.5; expected 0 to 1"),
        ({"turns": 2.0}, r"clean\.turns is 2\.0; expected int"),
        ({"turns": True}, r"clean\.turns is True; expected int"),
        ({"side_px": 5}, r"clean\.side_px is 5; expected 32 to 4096"),
        ({"detector": "tesseract"}, r"clean\.detector is 'tesseract'; expected markernet, rapidocr, easyocr"),
        ({"read_text": 1}, r"clean\.read_text is 1; expected bool"),
        ({"weights": None}, r"clean\.weights is None; expected str"),
        ({"mode": "blur"}, r"clean\.mode is 'blur'; expected inpaint, fill, noise, box"),
        ({"only": "R", "read_text": False}, r"clean\.only needs the text of markers, .*leave read_text on"),
        ({"keep": "(R"}, r"clean\.keep is '\(R', no regular expression \(missing \), .*write a plain text"),
        ({"only": "*"}, r"clean\.only is '\*', no regular expression \(nothing to repeat"),
        ({"max_fraction": 2}, r"clean\.max_fraction is 2; expected 0 to 1"),
        ({"min_confidense": 1}, r"unknown setting 'min_confidense'; expected one of detector, weights"),
    ],
)
def test_wrong_settings_are_named(values: dict, reason: str) -> None:
    with pytest.raises(KnownError, match=f"here: {reason}"):
        settings_from(values, "here")


def test_a_whole_number_serves_as_a_float() -> None:
    assert settings_from({"min_confidence": 1}, "here").min_confidence == 1


@pytest.mark.parametrize(
    ("text", "reason"), [("a: [", "not YAML"), ("- 1", "found list"), ("\x00", "not YAML"), (None, "cannot be read")]
)
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(KnownError, match=reason):
        read_settings(tmp_path / "c.yaml")


def test_a_folder_that_was_not_cleaned_has_no_settings(tmp_path: Path) -> None:
    assert read_clean_settings(tmp_path) is None
    assert read_clean_settings(tmp_path / "missing") is None


def test_damaged_settings_of_a_cleaned_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "clean.json").write_text("{}")
    with pytest.raises(OutputError, match=r"clean\.json: damaged .*clean again with --overwrite"):
        read_clean_settings(tmp_path)
