"""Error texts for readers who call a function: arguments instead of options, and names of values instead of files."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from preprocess.errors import KnownError

ARGUMENTS = {"score": "scores", "target": "targets", "by": "columns"}  # option -> argument, if the name is another

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


@contextmanager
def in_python_words(files: Mapping[Path, str]) -> Iterator[None]:
    """Raise the KnownErrors of the block with the words of the Python API.

    Args:
        files: temporary file -> name of the value that it holds, such as "y_true and y_score".
    """
    try:
        yield
    except KnownError as error:
        error.args = (to_python(str(error), files),)
        error.notes = tuple(to_python(note, files) for note in error.notes)
        raise


def to_python(text: str, files: Mapping[Path, str]) -> str:
    """Return a message with arguments instead of options; commands in backticks stay as they are."""
    for file, name in files.items():
        text = text.replace(str(file), name)
    parts = text.split("`")
    parts[::2] = [OPTION.sub(_argument, part) for part in parts[::2]]
    return "`".join(parts)


def _argument(option: re.Match[str]) -> str:
    return f"{ARGUMENTS.get(option[1], option[1].replace('-', '_'))}="
