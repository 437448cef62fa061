"""Read the predictions of films by models that did not train on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.data.leaks import TRAINING_SPLITS, find_leaks
from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError, RunError
from fxkit.metrics.predictions import Predictions
from fxkit.models.model_json import read_card
from fxkit.models.predictions_source import read_source
from fxkit.models.run_folder import Results, Run, open_results, read_json
from preprocess.words import amount

OUT_OF_FOLD = "out_of_fold.csv"

PREDICTIONS = "predictions.csv"


@dataclass(frozen=True, eq=False)
class TestedFilms:
    """Films with predictions by models that did not train on them.

    Attributes:
        part: folder in the run that the predictions were read from; "" for the run's own films.
        run: the run, or the folder of predictions that were made elsewhere.
        root: folder that the paths are relative to; None if the films are not at hand.
        files: predictions of all files whose class is known.
        films: the same by film: a film's probability is the mean over its copies.
        paths: paths of the files of each film.
        records: path -> row of the manifest, for the run's own films.
        threshold: decision threshold of the model.
        kind: what the predictions are, such as "out of fold", for the reader.
        n_left_out: files that were left out because training has seen them, or films of their group.
    """

    __test__ = False  # pytest takes the name for that of a test

    run: Results
    part: str
    root: Path | None
    files: Predictions
    films: Predictions
    paths: tuple[tuple[str, ...], ...]
    records: dict[str, Record]
    threshold: float
    kind: str
    n_left_out: int


def read_tested_films(folder: str | Path, *, part: str = "", root: Path | None = None) -> TestedFilms:
    """Read the predictions of a run: of its test films and, if it has folds, its out-of-fold predictions.

    Predictions that were made elsewhere are read as those of a run; with folds, they are out-of-fold predictions.

    Files are left out if training has seen them, a copy of them, or another film of their group: a model that has
    learnt a wrong label repeats it.

    Args:
        part: folder in the run with the predictions to read instead, such as evaluations/NAME.
        root: folder of the films, if they were moved.
    Raises:
        RunError: there are no predictions.
        DataError: the predictions are of films that the model has learnt, or the scores are no probabilities.
    """
    run = open_results(folder)
    if not isinstance(run, Run):
        read_source(run.folder).refuse_scores(run.folder)
    sources = _read_part(run, part) if part else _read_own(run)
    kept = [(predictions, predictions.take(_unseen(predictions, seen))) for predictions, seen, _ in sources]
    files = _join([predictions.known() for _, predictions in kept])
    n_left_out = sum(len(before) - len(after) for before, after in kept)
    if not len(files):
        raise DataError(f"{run.folder / part}: {_describe_lack(n_left_out, run)}")
    films = files.by_film()
    return TestedFilms(
        run=run,
        part=part,
        root=root or _root_of(run, part),
        files=files,
        films=films,
        paths=_paths_by_film(files, len(films)),
        records={record.path: record for record in run.records} if not part.startswith("evaluations") else {},
        threshold=(read_card if isinstance(run, Run) else read_source)(run.folder).threshold,
        kind=" and ".join(kind for _, _, kind in sources),
        n_left_out=n_left_out,
    )


def _describe_lack(n_left_out: int, run: Results) -> str:
    """Say why no film is left, and what to do."""
    why = f"training has seen all {n_left_out} files or their groups" if n_left_out else "no file has a known class"
    remedy = "train with --folds, or evaluate other data" if isinstance(run, Run) else "predict other films"
    return f"{why}; expected predictions of labelled films that the model has not learnt: {remedy}"


Source = tuple[Predictions, set[str], str]  # predictions, paths that training has seen, kind


def _read_own(run: Results) -> list[Source]:
    sources: list[Source] = []
    if (run.folder / OUT_OF_FOLD).is_file():
        predictions = Predictions.read_csv(run.folder / OUT_OF_FOLD)
        sources.append((predictions, _seen_by_folds(predictions, run.records), "out-of-fold predictions"))
    if (run.folder / PREDICTIONS).is_file():
        predictions = Predictions.read_csv(run.folder / PREDICTIONS)
        seen, kind = _seen(run.records, "test"), "predictions of test films"
        if predictions.folds is not None:  # made elsewhere
            seen, kind = seen | _seen_by_folds(predictions, run.records), "out-of-fold predictions"
        sources.append((predictions, seen, kind))
    if not sources:
        raise RunError(
            f"{run.folder / PREDICTIONS}: no such file, and no {OUT_OF_FOLD}; make it with `fxkit evaluate "
            f"{run.folder}`"
        )
    return sources


def _read_part(run: Results, part: str) -> list[Source]:
    """Read the predictions of another part of the run."""
    file = run.folder / part / PREDICTIONS
    split = Path(part).name if Path(part).parent.name == "splits" else ""
    if split == "train":
        raise DataError(
            f"{file}: the model has learnt these films and repeats their labels; expected test films, other data, or "
            "out-of-fold predictions of a run with --folds"
        )
    if not file.is_file():
        raise RunError(f"{file}: no such file; expected a folder that `fxkit evaluate` wrote, such as evaluations/NAME")
    predictions = Predictions.read_csv(file)
    if split:
        return [(predictions, _seen(run.records, split) if split in TRAINING_SPLITS else set(), f"{split} films")]
    overlap = read_json(file.parent / "metrics.json").get("overlap") or {}
    if overlap.get("files") or overlap.get("films"):
        raise DataError(
            f"{file}: training has seen some of these films, and which ones is not stored; evaluate the data again "
            "without them"
        )
    return [(predictions, set(), f"predictions of {Path(part).name}")]


def _seen(records: Sequence[Record], split: str) -> set[str]:
    """Return the paths of a split whose film or group is in training."""
    return {leak.record.path for leak in find_leaks(records, split)}


def _seen_by_folds(predictions: Predictions, records: Sequence[Record]) -> set[str]:
    """Return the paths whose film or group is in another fold, whose films the model has learnt."""
    by_path = {record.path: record for record in usable(records)}
    fold_of = {record.path: record.fold for record in by_path.values() if record.fold}
    if predictions.folds is not None:
        fold_of = dict(zip(predictions.paths, map(str, predictions.folds), strict=True))
    seen: set[str] = set()
    for fold in set(fold_of.values()):
        parts = (
            (by_path[path], "test" if own == fold else "train") for path, own in fold_of.items() if path in by_path
        )
        seen |= _seen([replace(record, split=split) for record, split in parts], "test")
    return seen


def _unseen(predictions: Predictions, seen: set[str]) -> NDArray[np.int64]:
    return np.array([i for i, path in enumerate(predictions.paths) if path not in seen], np.int64)


def _join(parts: Sequence[Predictions]) -> Predictions:
    """Join predictions of the same classes, and drop repeated paths."""
    first, *others = parts
    if any(part.classes != first.classes for part in others):
        raise DataError(
            "the out-of-fold predictions have other classes than those of the test films; evaluate the run again"
        )
    joined = Predictions(
        classes=first.classes,
        paths=tuple(path for part in parts for path in part.paths),
        labels=np.concatenate([part.labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        films=tuple(film for part in parts for film in part.films),
        groups=tuple(group for part in parts for group in part.groups),
        folds=_join_folds(parts),
    )
    position = {path: i for i, path in reversed(list(enumerate(joined.paths)))}
    return joined if len(position) == len(joined) else joined.take(np.array(sorted(position.values()), np.int64))


def _join_folds(parts: Sequence[Predictions]) -> NDArray[np.int64] | None:
    """Return the fold of each row; predictions by one model get a number of their own. None if no part has folds."""
    if all(part.folds is None for part in parts):
        return None
    other = max(int(part.folds.max(initial=0)) for part in parts if part.folds is not None) + 1
    return np.concatenate([np.full(len(part), other) if part.folds is None else part.folds for part in parts])


def _paths_by_film(files: Predictions, n: int) -> tuple[tuple[str, ...], ...]:
    """Return the paths of each film, in the order of `by_film`."""
    paths: dict[tuple[str, str, int], list[str]] = {}
    for path, *key in zip(files.paths, files.films, files.groups, files.labels.tolist(), strict=True):
        paths.setdefault((key[0], key[1], key[2]), []).append(path)
    assert len(paths) == n
    return tuple(map(tuple, paths.values()))


def _root_of(run: Results, part: str) -> Path | None:
    """Return the folder of the films, that of training or that of other data; None if they are not at hand."""
    if part and (run.folder / part / "metrics.json").is_file():
        values = read_json(run.folder / part / "metrics.json")
        if "root" in values:
            return Path(values["root"]) if values["root"] else None
    return run.root if run.has_films else None


def describe_films(tested: TestedFilms) -> str:
    """Return the number of films and what their predictions are, as a sentence without its full stop."""
    groups = amount(len(set(tested.films.groups)), "group")
    left_out = ""
    if tested.n_left_out:
        were = "file was" if tested.n_left_out == 1 else "files were"
        left_out = f"; {tested.n_left_out} {were} left out, because training has seen films of their group"
    return f"{amount(len(tested.films), 'film')} of {groups}, {tested.kind}{left_out}"
