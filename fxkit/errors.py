"""Errors of fxkit that the user can fix. `preprocess.errors` describes the whole tree."""

from preprocess.errors import ConfigError as ConfigError
from preprocess.errors import DataError as DataError
from preprocess.errors import KnownError


class WeightsError(KnownError):
    """Weights are missing or do not fit the backbone."""


class RunError(KnownError):
    """A run folder is missing, incomplete or would be overwritten."""


class Terminated(BaseException):
    """The process received SIGTERM."""
