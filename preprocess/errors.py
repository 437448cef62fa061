"""The errors that the two packages raise on purpose.

KnownError               anything a user can mend; the command line prints it on one line and exits 1
├── ImageError           a file cannot be read as an image
├── OutputError          an output place cannot be used
├── MarkerFileError      a COCO file of markers cannot be used
├── DetectorError        a detector or its models are missing
├── WorkerError          the processes or machines that a run is spread over cannot be used
├── AreaError            more of a film would be erased than allowed
├── fxkit.errors.ConfigError    a setting is unknown or has a wrong value
├── fxkit.errors.DataError      a data folder, CSV or manifest cannot be used
├── fxkit.errors.WeightsError   weights are missing or do not fit
└── fxkit.errors.RunError       a run folder is missing, incomplete or in the way

Each text says where, what was found, what was expected and what to do.
"""


def one_line(text: object) -> str:
    """Return text with line breaks and other control characters written out, so that it stays on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


class KnownError(Exception):
    """A problem that the user can mend; its text is one line."""


class ImageError(KnownError):
    """A file cannot be read as an image."""


class OutputError(KnownError):
    """An output place cannot be used."""


class MarkerFileError(KnownError):
    """A COCO file of markers cannot be used."""


class DetectorError(KnownError):
    """A detector or its models are missing."""


class AreaError(KnownError):
    """More of a film would be erased than allowed."""


class WorkerError(KnownError):
    """The processes or machines that a run is spread over cannot be used."""
