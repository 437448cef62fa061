"""A temporary folder that is deleted with the last object that holds it."""

import shutil
import tempfile
import weakref
from pathlib import Path


class TemporaryFolder:
    """A new folder, deleted when nothing refers to this object any more, or when Python ends.

    Attributes:
        path: the folder.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="fxkit-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
