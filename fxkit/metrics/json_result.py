"""Results that are written as JSON and read back by the same class."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from fxkit.errors import RunError
from preprocess.errors import KnownError
from preprocess.json_files import describe_error, parse_json

T = TypeVar("T")

# A float that JSON writes as null where it is not finite. Reading gives NaN for null.
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class JsonResult(BaseModel):
    """A result with a place in a JSON file. Keys that the class does not have are ignored when it is read."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers for JSON; undefined numbers are None."""
        plain: dict[str, Any] = as_json(self.model_dump(by_alias=True))
        return plain


def as_json(value: Any) -> Any:
    """Return nested values as plain dicts, lists and numbers for JSON; numbers that are not finite become None."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, (int, str)) or value is None:
        return value
    return float(value) if math.isfinite(value) else None


def read_optional_json(path: Path, build: Callable[[dict[str, Any]], T]) -> T | None:
    """Read a JSON file and build a result from its values; return None if there is no such file.

    Raises:
        RunError: the file is damaged, or does not hold what its command writes.
    """
    if not path.is_file():
        return None
    try:
        return build(parse_json(path.read_text(encoding="utf-8")))
    except KnownError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise RunError(
            f"{path}: cannot be read ({describe_error(error)}); expected what fxkit writes: run the command "
            "that made it again, or delete it"
        ) from error
