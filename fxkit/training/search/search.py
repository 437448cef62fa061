"""Search for settings: Optuna proposes, models on grouped folds answer; test films have no part in it."""

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL

from fxkit.config import Config
from fxkit.data.dataset import mix_seed
from fxkit.data.manifest import Record, usable
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ranking_metric, scored
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import check_resumable, create_run, read_json, write_json
from fxkit.models.saved import load_model
from fxkit.training.folds import check_folds, check_settings, member_records, with_folds
from fxkit.training.search.results import SearchResult, Trial, write_results
from fxkit.training.search.space import Space, apply, as_stands
from fxkit.training.train import train
from preprocess.settings import read_clean_settings

OBJECTIVES = {"auroc": "maximize", "log_loss": "minimize"}

UNPRUNED = 5  # trials that are run whole before any is stopped early

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


Report = Callable[[str], None]


@dataclass(frozen=True)
class _Task:
    """What all trials share."""

    config: Config
    root: Path
    records: Sequence[Record]
    folds: int
    objective: str
    space: Space
    folder: Path
    device: str


def search(
    config: Config,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    space: Space,
    *,
    trials: int,
    folds: int = 5,
    objective: str = "auroc",
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    on_step: Report = lambda step: None,
) -> SearchResult:
    """Try settings on grouped folds of train and val, and leave the best as best.yaml, with a table and a figure.

    A trial's score is the mean over folds of the figure, by film, of the model that did not see the fold; what else
    the folds do stands in `train_folds`. The first trial takes the settings as they stand. A trial whose mean after
    a fold is worse than the median of earlier trials there is stopped. The best score is optimistic, as it was chosen
    by itself.

    Args:
        records: with splits; test films are not read.
        folder: holds study.db (SQLite) and what is found.
        space: what varies.
        trials: in all, those of an earlier part of a resumed search counted.
        folds: three or more.
        objective: "auroc" (of more than two classes its mean over them) or "log_loss".
        resume: go on with the search that stands in folder, and with the trial that it was stopped in.
        overwrite: delete the search that stands in folder.
        on_step: told what was found out and what is being done next.
    Raises:
        DataError: a class is missing in a fold, or the split or a fold leaks.
        RunError: the folder is in the way, is not the search to resume, or no trial came to an end.
        ConfigError, WeightsError: as `train`, of the settings as they stand.
    """
    if objective not in OBJECTIVES:
        raise ConfigError(f"objective {objective!r}; expected {' or '.join(OBJECTIVES)}")
    folder, root, alone = Path(folder), Path(root), config.on_one_device()
    records, notes = with_folds(records, folds, config.seed)
    classes = check_folds(records, folds)
    for note in notes:
        on_step(note)
    task = _Task(alone, root, records, folds, objective, space, folder, device)
    _start(task, len(classes), resume, overwrite)
    study = _open_study(task)
    while len(_ended(study)) < trials:
        number = len(_ended(study))
        study.sampler = optuna.samplers.TPESampler(seed=mix_seed(config.seed, number))  # as if never stopped
        trial = study.ask({key: knob.distribution() for key, knob in space.items()})
        _try(study, trial, task, partial(_say, on_step, f"trial {number + 1} of {trials}"))
    shutil.rmtree(folder / "trials", ignore_errors=True)
    ended = [_as_trial(number, trial, space) for number, trial in enumerate(_ended(study))]
    complete = [trial for trial in ended if trial.state == "complete"]
    if not complete:
        raise RunError(f"{folder}: none of {len(ended)} trials came to an end; the last said: {ended[-1].error}")
    best = (max if OBJECTIVES[objective] == "maximize" else min)(complete, key=lambda trial: trial.score)
    result = SearchResult(folder, objective, tuple(ended), best)
    write_results(result, space, apply(config, best.settings))
    return result


def _say(on_step: Report, where: str, step: str) -> None:
    on_step(f"{where}, {step}")


def _start(task: _Task, class_count: int, resume: bool, overwrite: bool) -> None:
    """Make the folder, or check that it is the search to go on with."""
    path = task.folder / "search.json"
    space = {key: knob.model_dump(mode="json") for key, knob in task.space.items()}
    described = {"objective": task.objective, "space": space}
    settings = read_clean_settings(task.root)
    films: dict[str, Any] = {"cleaning": None if settings is None else settings.model_dump(), "folds": task.folds}
    if not (resume and path.is_file()):
        check_settings(task.config, class_count)
        create_run(task.folder, task.config, task.root, task.records, **films, overwrite=overwrite)
        write_json(path, described)
        return
    check_resumable(task.folder, task.config, task.root, task.records, **films)
    before = read_json(path)
    changed = [key for key, value in described.items() if before.get(key) != value]
    if changed:
        raise RunError(f"{task.folder}: was started with another {changed[0]}; give the same, or --overwrite")


def _open_study(task: _Task) -> optuna.Study:
    """Open the study; what ran when the search was stopped is tried again first, and in a new one what stands."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="fxkit",
        storage=URL.create("sqlite", database=str(task.folder / "study.db")).render_as_string(),
        direction=StudyDirection[OBJECTIVES[task.objective].upper()],
        pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED),
        load_if_exists=True,
    )
    for stopped in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(stopped.number, state=TrialState.FAIL)
        study.enqueue_trial(stopped.params)
    if not study.trials:
        study.enqueue_trial(as_stands(task.space, task.config))
    return study


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that were not merely interrupted."""
    return [t for t in study.get_trials(deepcopy=False) if t.state in ENDED or "error" in t.user_attrs]


def _try(study: optuna.Study, trial: optuna.Trial, task: _Task, on_step: Report) -> None:
    """Train and score a trial fold by fold, and tell the study."""
    settings = {key: knob.decode(trial.params[key]) for key, knob in task.space.items()}
    same = [t for t in study.get_trials(states=(TrialState.COMPLETE,)) if t.params == trial.params]
    started, values = time.monotonic(), list(same[0].user_attrs["folds"]) if same else []
    place = task.folder / "trials" / sha256(json.dumps(settings).encode()).hexdigest()[:16]
    state = TrialState.COMPLETE
    try:
        config = apply(task.config, settings)
        for fold in range(len(values), task.folds):
            on_step(f"fold {fold + 1} of {task.folds}: {describe(settings)}")
            values.append(_score_fold(config, task, fold, place / f"fold-{fold}"))
            trial.report(fmean(values), fold)
            if fold + 1 < task.folds and trial.should_prune():
                state = TrialState.PRUNED
                break
    except (ConfigError, DataError) as error:  # such as rates with which training diverges: others may not
        state = TrialState.FAIL
        trial.set_user_attr("error", " ".join(str(error).split()))
    trial.set_user_attr("folds", values)
    trial.set_user_attr("seconds", round(time.monotonic() - started, 1))
    study.tell(trial, fmean(values) if state == TrialState.COMPLETE else None, state=state)
    shutil.rmtree(place, ignore_errors=True)  # K models a trial would fill the disk


def _score_fold(config: Config, task: _Task, fold: int, place: Path) -> float:
    member = member_records(task.records, fold, task.folds)
    train(config, task.root, member, place, resume=True)
    held = predict_records(load_model(place), task.root, usable(member, "test"), config.data, device=task.device)
    return score(held, task.objective)


def score(predictions: Predictions, objective: str) -> float:
    """Return the objective by film: the AUROC, or the mean of -ln p(true class)."""
    films = predictions.known().by_film()
    if objective == "log_loss":
        from sklearn.metrics import log_loss

        return float(log_loss(films.labels, films.probabilities, labels=list(range(len(films.classes)))))
    return float(ranking_metric(films.classes).compute(scored(films), np.ones((1, len(films))))[0])


def _as_trial(number: int, found: FrozenTrial, space: Space) -> Trial:
    values = found.user_attrs.get("folds", [])
    return Trial(
        number=number,
        state={TrialState.FAIL: "failed"}.get(found.state, found.state.name.lower()),
        score=fmean(values) if values else float("nan"),
        folds=tuple(values),
        settings={key: knob.decode(found.params[key]) for key, knob in space.items()},
        seconds=float(found.user_attrs.get("seconds", 0)),
        error=str(found.user_attrs.get("error", "")),
    )


def describe(settings: Mapping[str, Any]) -> str:
    """Return settings as text on one line."""
    return ", ".join(
        f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in settings.items()
    )
