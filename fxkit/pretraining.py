"""Going on from a finished run: its backbone on films that it has not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fxkit.config import Config
from fxkit.data.manifest import Record, usable, write_manifest
from fxkit.errors import DataError
from fxkit.overlap import LEARNT_BEFORE, learnt_by, overlap_with_training
from fxkit.run import Run, open_run, read_card


def settings_of_run(folder: Path) -> dict[str, Any]:
    """Return the settings under which a run's backbone is built and shown films, by their dotted keys.

    Raises:
        RunError: there is no finished model.
    """
    card = read_card(folder)
    model = {f"model.{key}": getattr(card.model, key) for key in ("backbone", "args", "mean", "std")}
    return model | {f"data.{key}": getattr(card.preprocessing, key) for key in ("image_size", "resize")}


def source_run(config: Config) -> Run | None:
    """Return the run that the backbone's weights come from; None where they come from elsewhere.

    Raises:
        RunError: model.weights is a folder, but no run's.
    """
    folder = config.model.weights
    return open_run(folder) if folder is not None and Path(folder).is_dir() else None


def refuse_learnt(config: Config, root: Path, records: Sequence[Record]) -> None:
    """Refuse to go on from a run that has learnt files which this one is judged by; copies of them are not looked for.

    Raises:
        DataError: files of val or test, below root, were in that run's training.
    """
    source = source_run(config)
    if source is None:
        return
    seen = overlap_with_training(source, [r for r in usable(records) if r.split in ("val", "test")], root)
    if seen.files:
        raise DataError(
            f"--weights {source.folder}: {seen.files} files ({seen.films} films) of val and test were in its training; "
            "expected weights that have seen none of them; train that run on other films, or on this manifest"
        )


def keep_learnt(folder: Path, config: Config) -> None:
    """Leave in a run folder which files its backbone learnt before, for `overlap_with_training`."""
    source = source_run(config)
    if source is not None:
        write_manifest(folder / LEARNT_BEFORE, learnt_by(source))
