import json
from pathlib import Path

import pytest

from preprocess.errors import ConfigError, OutputError
from preprocess.settings import NETWORK, CleanSettings, read_clean_settings, read_settings, settings_from

PRESETS = Path(__file__).parents[2] / "configs" / "clean"


def test_settings_survive_a_round_trip_through_json() -> None:
    settings = CleanSettings(min_confidence=0.7, turns=2)
    assert CleanSettings(**json.loads(json.dumps(settings.model_dump()))) == settings


def test_the_default_preset_holds_the_defaults() -> None:
    assert read_settings(PRESETS / "default.yaml") == CleanSettings()
    assert read_settings(PRESETS / "fast.yaml") == CleanSettings(read_text=False)


def test_the_default_detector_is_the_network_that_comes_with_the_package() -> None:
    assert (CleanSettings().detector, CleanSettings().weights) == ("markernet", "")
    assert NETWORK.is_file()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"min_confidence": 1.5}, r"min_confidence = 1\.5: input should be less than or equal to 1$"),
        ({"min_confidence": -0.1}, r"min_confidence = -0\.1: input should be greater than or equal to 0$"),
        ({"min_confidence": "0.4"}, r"min_confidence = '0\.4': input should be a valid number$"),
        ({"min_confidence": float("nan")}, r"min_confidence = nan: input should be a finite number$"),
        ({"turns": 2.0}, r"turns = 2\.0: input should be a valid integer$"),
        ({"turns": True}, r"turns = True: input should be a valid integer$"),
        ({"turns": 5}, r"turns = 5: input should be less than or equal to 4$"),
        ({"grow_px": True}, r"grow_px = True: input should be a valid number$"),
        ({"grow_px": -1}, r"grow_px = -1: input should be greater than or equal to 0$"),
        ({"grow_fraction": 3}, r"grow_fraction = 3: input should be less than or equal to 2$"),
        ({"side_px": 5}, r"side_px = 5: input should be greater than or equal to 32$"),
        ({"enlarge": 17}, r"enlarge = 17: input should be less than or equal to 16$"),
        ({"detector": "tesseract"}, r"detector = 'tesseract': input should be 'markernet', 'rapidocr', 'easyocr' or"),
        ({"read_text": 1}, r"read_text = 1: input should be a valid boolean$"),
        ({"weights": None}, r"weights = None: input should be a valid string$"),
        ({"mode": "blur"}, r"mode = 'blur': input should be 'inpaint', 'fill', 'noise' or 'box'$"),
        ({"only": "R", "read_text": False}, r"only = 'R': needs the text of the markers, .*set read_text to true$"),
        ({"keep": "(R"}, r"keep = '\(R': not a regular expression \(missing \), .*write plain text"),
        ({"only": "*"}, r"only = '\*': not a regular expression \(nothing to repeat"),
        ({"max_fraction": 2}, r"max_fraction = 2: input should be less than or equal to 1$"),
        ({"min_confidense": 1}, r"unknown key 'min_confidense'; did you mean 'min_confidence'\?$"),
        ({"zzz": 1}, r"unknown key 'zzz'; valid here: detector, weights, read_text, "),
    ],
)
def test_a_wrong_setting_is_named(values: dict, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^here: {reason}"):
        settings_from(values, "here")


def test_an_integer_is_accepted_as_a_float() -> None:
    assert settings_from({"min_confidence": 1}, "here").min_confidence == 1


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        CleanSettings().turns = 2


def test_a_yaml_number_with_an_exponent_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("min_confidence: 4e-1\n")
    assert read_settings(tmp_path / "c.yaml").min_confidence == 0.4


def test_a_wrong_setting_in_a_yaml_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("turns: many\n")
    with pytest.raises(ConfigError, match=r"c\.yaml: turns = 'many': input should be a valid integer$"):
        read_settings(tmp_path / "c.yaml")


def test_a_folder_that_was_not_cleaned_has_no_settings(tmp_path: Path) -> None:
    assert read_clean_settings(tmp_path) is None
    assert read_clean_settings(tmp_path / "missing") is None


def test_clean_json_of_an_older_version_is_read(tmp_path: Path) -> None:
    """Older versions wrote whole numbers where these were given, and knew fewer settings."""
    content = {"settings": {"detector": "rapidocr", "grow_px": 5, "mode": "fill"}, "versions": {"fxkit": "0.1"}}
    (tmp_path / "clean.json").write_text(json.dumps(content))
    assert read_clean_settings(tmp_path) == CleanSettings(detector="rapidocr", grow_px=5.0, mode="fill")


def test_a_folder_of_masks_has_no_settings(tmp_path: Path) -> None:
    content = {"settings": CleanSettings().model_dump(), "masks_only": True}
    (tmp_path / "clean.json").write_text(json.dumps(content))
    assert read_clean_settings(tmp_path) is None


def test_a_damaged_clean_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clean.json").write_text("{}")
    with pytest.raises(OutputError, match=r"clean\.json: damaged .*clean again with --overwrite"):
        read_clean_settings(tmp_path)
