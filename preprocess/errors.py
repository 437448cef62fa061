"""The errors that both packages raise on purpose.

KnownError               a problem that the user can solve; the command line prints its text and exits with status 1
├── ConfigError          a setting is unknown or has a wrong value
├── ImageError           a file cannot be read as an image
├── OutputError          an output file or folder cannot be used
├── MarkerFileError      a COCO file of markers cannot be used
├── DetectorError        a detector or its model files are missing
├── WorkerError          the worker processes or cluster machines of a run cannot be used
├── AreaError            cleaning would erase more of a film than the settings allow
├── DataError            a data folder, CSV file or manifest cannot be used
├── fxkit.errors.WeightsError   weights are missing or do not fit
└── fxkit.errors.RunError       a run folder is missing, incomplete or would be overwritten

Each text says where the problem is, what was found, what was expected and what to do.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


def one_line(text: object) -> str:
    """Return the text with line breaks and other control characters escaped, so that it prints on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def first_few(names: Iterable[str], most: int = 3) -> str:
    """Return the first few names and the number of the others, as in "a, b, c and 4 more"."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


class KnownError(Exception):
    """A problem that the user can solve. Its text is one line.

    Attributes:
        notes: messages for the user from before the error, which may explain it.
    """

    notes: tuple[str, ...] = ()


@contextmanager
def keep_notes(notes: Sequence[str]) -> Iterator[None]:
    """Add the notes to a KnownError that is raised in the block, because no result will bring them to the user.

    Args:
        notes: a list may grow in the block.
    """
    try:
        yield
    except KnownError as error:
        error.notes = tuple(dict.fromkeys((*notes, *error.notes)))
        raise


class ConfigError(KnownError):
    """A setting is unknown or has a wrong value."""


class ImageError(KnownError):
    """A file cannot be read as an image."""


class OutputError(KnownError):
    """An output file or folder cannot be used."""


class MarkerFileError(KnownError):
    """A COCO file of markers cannot be used."""


class DetectorError(KnownError):
    """A detector or its model files are missing."""


class AreaError(KnownError):
    """Cleaning would erase more of a film than the settings allow."""


class DataError(KnownError):
    """A data folder, CSV file or manifest cannot be used."""


class WorkerError(KnownError):
    """The worker processes or cluster machines of a run cannot be used."""
