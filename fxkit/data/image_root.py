"""Find the file that holds the image of a manifest path, also in a cleaned folder. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import ImageError
from preprocess.ledger import LEDGER, read_ledger_if_any
from preprocess.listing import find_image


@dataclass(frozen=True)
class ImageRoot:
    """A folder of images.

    Attributes:
        root: the folder that the manifest's paths are relative to.
        outputs: for a cleaned folder, original path -> path of the cleaned file, "" where cleaning failed; else empty.
    """

    root: Path
    outputs: Mapping[str, str]

    def find(self, path: str) -> Path:
        """Return the file that holds the image of a manifest path.

        Raises:
            ImageError: the file is missing or could not be cleaned.
        """
        output = self.outputs.get(path)
        if output == "":
            raise ImageError(f"{self.root / path}: could not be cleaned (see {LEDGER}); leave it out of the manifest")
        return find_image(self.root, path) if output is None else self.root / output


def open_image_root(root: str | Path) -> ImageRoot:
    """Open an image folder; read the ledger if it is a cleaned folder."""
    return ImageRoot(Path(root), {path: row.output for path, row in read_ledger_if_any(root).items()})
