from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, model_validator

from preprocess.errors import ConfigError
from preprocess.yaml_files import check_settings, did_you_mean, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"), [("1e-4", 1e-4), ("-2E+3", -2e3), (".5e1", 5.0), ("4e-1", 0.4), ("2.5", 2.5)]
)
def test_numbers_with_exponents_are_numbers(text: str, value: float) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize("text", ["e-4", "1e", "R2e1 a"])
def test_similar_texts_are_not_numbers(text: str) -> None:
    assert parse_yaml(text) == text


def test_an_empty_file_holds_no_values(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "c.yaml") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", r"cannot be read as YAML \("),
        ("\x00", r"cannot be read as YAML \("),
        ("- 1", "holds a list; expected lines such as `key: value`$"),
        (None, r"cannot be read \(No such file or directory\)$"),
    ],
)
def test_a_file_without_keys_and_values_is_refused(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"c\.yaml: {reason}"):
        read_yaml(tmp_path / "c.yaml")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match=r"c\.yaml: cannot be read as YAML \("):
        read_yaml(tmp_path / "c.yaml")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rate: float = 0.1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: Inner = Inner()
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def _is_ordered(self) -> "Outer":
        if self.low > self.high:
            raise ValueError("Low is above high")
        return self


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"inner": {"rat": 1}}, r"unknown key 'inner\.rat'; did you mean 'inner\.rate'\?"),
        ({"inner": {"zzz": 1}}, r"unknown key 'inner\.zzz'; valid here: rate"),
        ({"inner": {"rate": "high"}}, r"inner\.rate = 'high': input should be a valid number"),
    ],
)
def test_a_wrong_nested_key_is_named_with_dots(values: dict, reason: str) -> None:
    with pytest.raises(ConfigError, match=rf"^c\.yaml: {reason}"):
        check_settings(Outer, values, "c.yaml")


def test_an_error_about_several_keys_names_no_single_key() -> None:
    with pytest.raises(ConfigError, match=r"^c\.yaml: low is above high$"):
        check_settings(Outer, {"low": 2}, "c.yaml")


def test_a_valid_mapping_gives_the_model() -> None:
    assert check_settings(Outer, {"inner": {"rate": 2}}, "c.yaml") == Outer(inner=Inner(rate=2.0))


def test_the_most_similar_name_is_suggested() -> None:
    assert did_you_mean("basline", ["default", "baseline"]) == "; did you mean 'baseline'?"
    assert did_you_mean("zzz", ["default", "baseline"]) == ""


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: line 1 has the key 'a' too; keep one of them"),
        ("{a: 1, a: 1}", "line 1: line 1 has the key 'a' too"),
        ("a:\n  b: 1\n  b: 1", "line 3: line 2 has the key 'b' too"),
        (bomb(9), "its aliases stand for more than 100000 values"),
        ("a: &a [*a]", "an alias stands for a value that contains it"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a: 2024-13-45", "month must be in 1..12"),
        ("a: !!int b", "invalid literal"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("? [a]\n: 1", "unhashable key"),
        ("a: \0", "special characters are not allowed"),
    ],
)
def test_yaml_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"settings\.yaml: cannot be read as YAML \(.*{reason}"):
        read_yaml(file)


def test_aliases_and_merged_keys_are_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("base: &base {a: 1, b: 2}\nmine:\n  <<: *base\n  b: 3")
    assert read_yaml(file)["mine"] == {"a": 1, "b": 3}
