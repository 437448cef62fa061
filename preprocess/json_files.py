"""Parse JSON that a person or another program may have changed."""

import json
import math
import re
from typing import Any, NoReturn

from pydantic import ValidationError

# NUL, and halves of surrogate pairs. The halves from dc80 to dcff stand for bytes of file names that are not UTF-8.
WRONG_CHARACTER = re.compile(
    r"\\u0000|\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud(?:[def][0-9a-f]{2}|c[0-7][0-9a-f])",
    re.IGNORECASE,
)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON; any damage is a ValueError.

    Python's own parser also accepts NaN, infinite numbers, NUL and halves of characters, and stops with a
    RecursionError at deep nesting. None of them can be meant in a file of fxkit.

    Raises:
        ValueError: the text is not JSON, is nested too deeply, or holds a number that is not finite, NUL or half a
            character.
    """
    try:
        decoded = text.decode(json.detect_encoding(text), "surrogatepass") if isinstance(text, bytes) else text
        wrong = "\\u" in decoded and WRONG_CHARACTER.search(decoded)
        if wrong:
            raise ValueError(f"a text holds {wrong[0]}, which is no character")
        return json.loads(decoded, parse_constant=_refuse_number, parse_float=_parse_finite)
    except RecursionError as error:
        raise ValueError("lists or objects are nested too deeply") from error


def _parse_finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse_number(text)
    return value


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a finite number")


def describe_error(error: Exception) -> str:
    """Return one line on why values were refused: for pydantic's errors, the first key and its message."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        return f"{key}: {first['msg']}" if key else first["msg"]
    return f"{type(error).__name__}: {error}"
