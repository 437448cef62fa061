"""Folders and stamps of other data: what is new to a run, or to a folder of predictions made elsewhere."""

from collections.abc import Sequence
from pathlib import Path

from fxkit.data.manifest import Record
from fxkit.errors import DataError, RunError
from fxkit.evaluation.overlap import SEEN_FILES, compare_with_run, write_seen_files
from fxkit.models.run_folder import Results, read_json
from fxkit.models.training_films import Overlap


def evaluation_folder(run: Results, name: str) -> Path:
    """Return the folder for the figures of other data.

    Raises:
        RunError: the name is not a folder name.
    """
    if name in ("", "..") or name != Path(name).name:
        raise RunError(f"--name {name!r}: expected the name of a folder, without slashes")
    return run.folder / "evaluations" / name


def refuse_other_figures(folder: Path, key: str, value: str, of: str) -> None:
    """Raise RunError if the folder holds figures whose metrics.json has another value of this key.

    Args:
        of: what the value names, such as "the films in".
    """
    if (folder / "metrics.json").is_file():
        earlier = read_json(folder / "metrics.json").get(key)
        if earlier != value:
            raise RunError(f"{folder}: holds figures of {of} {earlier}; choose another --name")


def compare_other(
    run: Results,
    records: Sequence[Record],
    root: Path,
    folder: Path,
    *,
    trained_on: Path | None = None,
    allow_leaks: bool = False,
) -> tuple[Overlap, str]:
    """Compare other data with the films of a run, list the files that are not new to it, and return counts and stamp.

    Args:
        root: folder of the other data; Path() if they are not at hand.
        folder: folder of the figures, for the list.
        trained_on: folder with the training films, for a run without fingerprints whose films were moved.
    Raises:
        DataError: training has seen some of the films or patients, unless `allow_leaks` is given.
    """
    comparison = compare_with_run(run, records, root, trained_on=trained_on)
    overlap = comparison.overlap
    write_seen_files(folder, comparison.seen)
    if overlap.leaks and not allow_leaks:
        sites = " (if the data sets have different people of the same id, give both a column site)"
        raise DataError(
            f"{folder.name}: {overlap.text}{sites if overlap.patient_files else ''}; expected films that training has "
            f"not seen; leave them out ({folder / SEEN_FILES} lists them), or give --allow-leaks, which stamps all "
            "figures"
        )
    return overlap, "; ".join(filter(None, [overlap.text and f"leaking data: {overlap.text}", run.stamp]))
