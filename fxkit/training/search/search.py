"""Search for settings with Optuna: grouped folds of train and val score each trial; test films are not used."""

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
from fxkit.data.manifest import Record, usable
from fxkit.data.positive import positive_class
from fxkit.data.seeds import mix_seed
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.index.splits.hold_out_fold import hold_out_fold
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ranking_metric, scored
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import check_resumable, create_run, read_json, write_json
from fxkit.models.saved import load_model
from fxkit.training.films import read_cleaning
from fxkit.training.folds import add_folds, check_folds, check_settings
from fxkit.training.search.results import SearchResult, Trial, write_results
from fxkit.training.search.space import Space, apply, encode_current
from fxkit.training.train import TrainOptions, train
from preprocess.locks import locked
from preprocess.words import none_of

OBJECTIVES = {"auroc": "maximize", "log_loss": "minimize"}

UNPRUNED = 5  # trials that run on all folds before any trial is stopped early

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)

Report = Callable[[str], None]


@dataclass(frozen=True)
class SearchOptions:
    """How a search runs.

    Attributes:
        trials: total number of trials; a resumed search counts the trials of its earlier parts.
        folds: three or more.
        objective: "auroc" (for more than two classes its mean over classes) or "log_loss".
        resume: continue the search that is in the folder, and repeat the trial during which it stopped.
        overwrite: delete the search that is in the folder.
        device: device for predicting the folds: auto, cpu, cuda or mps.
    """

    trials: int
    folds: int = 5
    objective: str = "auroc"
    resume: bool = False
    overwrite: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class _Task:
    """What all trials have in common."""

    config: Config
    root: Path
    records: Sequence[Record]
    folder: Path
    space: Space
    options: SearchOptions


@locked("folder")
def search(
    config: Config,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    space: Space,
    options: SearchOptions,
    *,
    on_step: Report = lambda step: None,
) -> SearchResult:
    """Search for the best settings with grouped folds of train and val; write best.yaml, trials.csv and search.png.

    The score of a trial is the mean over folds of the objective by film. Each fold is predicted by a model that did
    not train on it, as in `train_folds`. The first trial uses the given settings. A trial is stopped after a fold if
    its mean is worse than the median of the earlier trials after that fold. The best score is optimistic, because it
    was used to choose the settings.

    Args:
        records: records with splits; test films are not read.
        folder: folder for the results and for study.db (SQLite).
        space: the settings to vary.
        on_step: called with a note, or with a description of the next step.
    Raises:
        DataError: a fold lacks a class, or the split or a fold leaks.
        RunError: the folder exists already, holds another search than the one to resume, or no trial finished.
        ConfigError, WeightsError: see `train`; raised for the given settings.
    """
    if options.objective not in OBJECTIVES:
        raise ConfigError(f"objective {options.objective!r}; expected {' or '.join(OBJECTIVES)}")
    records, notes = add_folds(records, options.folds, config.seed)
    classes = check_folds(records, options.folds, positive=config.data.positive)
    for note in notes:
        on_step(note)
    task = _Task(config.on_one_device(), Path(root), records, Path(folder), space, options)
    _open_folder(task, classes)
    trials = _run_trials(task, on_step)
    shutil.rmtree(task.folder / "trials", ignore_errors=True)
    result = SearchResult(task.folder, options.objective, trials, _best(task, trials))
    write_results(result, space, apply(config, result.best.settings))
    return result


def _run_trials(task: _Task, on_step: Report) -> tuple[Trial, ...]:
    """Run trials until there are as many as requested; return all, also those of earlier parts of the search."""
    study, trials = _open_study(task), task.options.trials
    while len(_ended(study)) < trials:
        number = len(_ended(study))
        # a new sampler for each trial: a resumed search then proposes the same settings
        study.sampler = optuna.samplers.TPESampler(seed=mix_seed(task.config.seed, number))
        trial = study.ask({key: knob.distribution() for key, knob in task.space.items()})
        _run_trial(study, trial, task, partial(_report, on_step, f"trial {number + 1} of {trials}"))
    return tuple(_as_trial(number, trial, task.space) for number, trial in enumerate(_ended(study)))


def _best(task: _Task, trials: Sequence[Trial]) -> Trial:
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise RunError(
            f"{task.folder}: {none_of(len(trials), 'trial')} finished; error of the last one: {trials[-1].error}"
        )
    choose = max if OBJECTIVES[task.options.objective] == "maximize" else min
    return choose(complete, key=lambda trial: trial.score)


def _report(on_step: Report, where: str, step: str) -> None:
    on_step(f"{where}, {step}")


def _open_folder(task: _Task, classes: Sequence[str]) -> None:
    """Create the folder, or check that it holds the search to resume."""
    path, options = task.folder / "search.json", task.options
    space = {key: knob.model_dump(mode="json") for key, knob in task.space.items()}
    description = {"objective": options.objective, "space": space}
    films: dict[str, Any] = {"cleaning": read_cleaning(task.root), "folds": options.folds}
    if not (options.resume and path.is_file()):
        check_settings(task.config, len(classes))
        create_run(task.folder, task.config, task.root, task.records, **films, overwrite=options.overwrite)
        write_json(path, description | {"positive": positive_class(classes)})
        return
    check_resumable(task.folder, task.config, task.root, task.records, **films)
    before = read_json(path)
    changed = [key for key, value in description.items() if before.get(key) != value]
    if changed:
        raise RunError(f"{task.folder}: was started with another {changed[0]}; use the same, or give --overwrite")


def _open_study(task: _Task) -> optuna.Study:
    """Open the study, and queue the trial to run first.

    A resumed study first repeats the trial during which it stopped. A new study first tries the given settings.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="fxkit",
        storage=URL.create("sqlite", database=str(task.folder / "study.db")).render_as_string(),
        direction=StudyDirection[OBJECTIVES[task.options.objective].upper()],
        pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED),
        load_if_exists=True,
    )
    for stopped in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(stopped.number, state=TrialState.FAIL)
        study.enqueue_trial(stopped.params)
    if not study.trials:
        study.enqueue_trial(encode_current(task.space, task.config))
    return study


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that ended, without those that were interrupted when the search stopped."""
    return [t for t in study.get_trials(deepcopy=False) if t.state in ENDED or "error" in t.user_attrs]


def _run_trial(study: optuna.Study, trial: optuna.Trial, task: _Task, on_step: Report) -> None:
    """Train and score a trial fold by fold, and record the result in the study."""
    settings = {key: knob.decode(trial.params[key]) for key, knob in task.space.items()}
    same = [t for t in study.get_trials(states=(TrialState.COMPLETE,)) if t.params == trial.params]
    started, values = time.monotonic(), list(same[0].user_attrs["folds"]) if same else []
    folder = task.folder / "trials" / sha256(json.dumps(settings).encode()).hexdigest()[:16]
    state = TrialState.COMPLETE
    try:
        config = apply(task.config, settings)
        for fold in range(len(values), task.options.folds):
            on_step(f"fold {fold + 1} of {task.options.folds}: {describe(settings)}")
            values.append(_score_fold(config, task, fold, folder / f"fold-{fold}"))
            trial.report(fmean(values), fold)
            if fold + 1 < task.options.folds and trial.should_prune():
                state = TrialState.PRUNED
                break
    except (ConfigError, DataError) as error:  # such as a diverging training; other settings may work
        state = TrialState.FAIL
        trial.set_user_attr("error", " ".join(str(error).split()))
    trial.set_user_attr("folds", values)
    trial.set_user_attr("seconds", round(time.monotonic() - started, 1))
    study.tell(trial, fmean(values) if state == TrialState.COMPLETE else None, state=state)
    shutil.rmtree(folder, ignore_errors=True)  # the models of all trials would fill the disk


def _score_fold(config: Config, task: _Task, fold: int, folder: Path) -> float:
    """Train without a fold, in a run folder of its own, and return the objective on the fold."""
    member = hold_out_fold(task.records, fold, task.options.folds)
    train(config, task.root, member, folder, TrainOptions(resume=True, fingerprints=False))
    films, device = usable(member, "test"), task.options.device
    predictions = predict_records(load_model(folder), task.root, films, config.data, device=device)
    return score(predictions, task.options.objective)


def score(predictions: Predictions, objective: str) -> float:
    """Return the objective by film: the AUROC, or the log loss, which is the mean of -ln p(true class)."""
    films = predictions.known().by_film()
    if objective == "log_loss":
        from sklearn.metrics import log_loss

        return float(log_loss(films.labels, films.probabilities, labels=list(range(len(films.classes)))))
    return float(ranking_metric(films.classes).compute(scored(films), np.ones((1, len(films))))[0])


def _as_trial(number: int, trial: FrozenTrial, space: Space) -> Trial:
    values = trial.user_attrs.get("folds", [])
    return Trial(
        number=number,
        state={TrialState.FAIL: "failed"}.get(trial.state, trial.state.name.lower()),
        score=fmean(values) if values else float("nan"),
        folds=tuple(values),
        settings={key: knob.decode(trial.params[key]) for key, knob in space.items()},
        seconds=float(trial.user_attrs.get("seconds", 0)),
        error=str(trial.user_attrs.get("error", "")),
    )


def describe(settings: Mapping[str, Any]) -> str:
    """Return settings as one line of text."""
    return ", ".join(
        f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in settings.items()
    )
