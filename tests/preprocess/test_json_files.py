"""JSON that no program of fxkit writes is refused as a ValueError, never with another exception."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.json_files import parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("abc/é"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
)


@given(VALUES)
def test_what_python_writes_is_read_back(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is not a finite number"),
        ("[-Infinity]", "-Infinity is not a finite number"),
        ("1e999", "1e999 is not a finite number"),
        ("[" * 100_000, "nested too deeply"),
        ('"a\\u0000b"', r"a text holds \\u0000, which is no character"),
        (r'"\ud800"', r"a text holds \\ud800"),
        (r'"\udd00"', r"a text holds \\udd00"),
        ("{", "Expecting property name"),
        (b"\xff\xfe\xff", "decode"),
        ("1" * 5000, "integer string conversion"),
    ],
)
def test_damaged_json_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


@pytest.mark.parametrize("text", ["bone \U0001f9b4", "film-\udcff.png"])
def test_emoji_and_names_that_are_not_utf_8_are_read_back(text: str) -> None:
    assert parse_json(json.dumps(text)) == text
