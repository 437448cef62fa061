"""Clean the films of an ablation that are not cleaned yet, and choose the records whose films all arms have."""

from collections.abc import Sequence
from pathlib import Path

from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.folder.sources import default_out
from preprocess.ledger import read_ledger, read_ledger_if_any
from preprocess.settings import CleanSettings, read_clean_settings


def clean_films(
    root: Path, records: Sequence[Record], cleaned: Path | None = None, *, jobs: int = 1
) -> tuple[Path, list[Record]]:
    """Clean the films that are not cleaned yet; return the cleaned folder and the records whose films it contains.

    Args:
        cleaned: folder for the cleaned films; ROOT-clean if None.
    """
    out = cleaned or default_out(root)
    paths = [r.path for r in usable(records)]
    done = read_ledger_if_any(out)
    if any(path not in done for path in paths):
        settings = read_clean_settings(out) or CleanSettings()
        clean_folder(root, out, FolderOptions(paths=paths, settings=settings, jobs=jobs))
    return out, select_cleaned(out, records)


def select_cleaned(cleaned: Path, records: Sequence[Record]) -> list[Record]:
    """Return the records whose films a cleaned folder contains. All arms use the same films, so that they are paired.

    Raises:
        DataError: a film was cleaned from a different file than its record describes.
    """
    ledger = read_ledger(cleaned)
    selected = [r for r in records if r.path in ledger and ledger[r.path].status in ("cleaned", "copied")]
    for record in selected:
        if record.sha256 and record.sha256 != ledger[record.path].sha256:
            raise DataError(
                f"{cleaned / record.path}: was cleaned from a different file than the one in the manifest; clean it "
                "again with `fxkit clean-labels`, or index the films again"
            )
    return selected
