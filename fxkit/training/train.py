"""Train a classifier in two phases: first the head on a frozen backbone, then the head and the last stages together."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import lightning as L
from lightning.pytorch.utilities import rank_zero_only

from fxkit.config import Config
from fxkit.data.image_root import open_image_root
from fxkit.data.leaks import leak_stamp, leaks_as_json, refuse_leaks
from fxkit.data.manifest import Record, usable
from fxkit.evaluation.calibrate import calibrate_model
from fxkit.evaluation.overlap import check_pretraining_overlap, write_run_fingerprints
from fxkit.evaluation.temperature import fit_as_json, prior_bias
from fxkit.metrics.figures.history import draw_history
from fxkit.metrics.summary import evaluate_predictions
from fxkit.models.backbones import build_preprocessing, pretrained_tag
from fxkit.models.classifier import Classifier, build_classifier
from fxkit.models.image_sizes import check_image_size
from fxkit.models.model_json import ModelCard
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import check_resumable, create_run, open_run, write_json
from fxkit.models.saved import Model, save_model
from fxkit.models.training_films import write_pretraining_films
from fxkit.training.dry_run import DryRun, measure_plan
from fxkit.training.films import PHASES, Films, Phase, check_records, read_cleaning
from fxkit.training.lr_find import RateSearch, draw_rates, find_rate
from fxkit.training.memory import build_step, check_batch_of_one, check_memory
from fxkit.training.phases import (
    TrainResult,
    check_trainer,
    has_started,
    load_best,
    prepare,
    quiet_lightning,
    run_phase,
)
from preprocess.files import write_atomic
from preprocess.locks import lock


@dataclass(frozen=True)
class TrainOptions:
    """How a training run starts and what it accepts.

    Attributes:
        resume: continue the run that is in the folder after its last finished epoch. Without such a run, start one.
        overwrite: delete the run that is in the folder.
        allow_leaks: train although the split leaks. The run and all its figures then carry a stamp.
        progress: show a progress bar.
        find_lr: search for optim.head_lr before training, and train with the suggested rate. A resumed run keeps the
            rate it started with.
        fingerprints: keep the fingerprints of the films in the run folder. The models of folds and ablations need none.
    """

    resume: bool = False
    overwrite: bool = False
    allow_leaks: bool = False
    progress: bool = False
    find_lr: bool = False
    fingerprints: bool = True


DEFAULTS = TrainOptions()


def train(
    config: Config,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    options: TrainOptions = DEFAULTS,
) -> TrainResult:
    """Train a classifier and write a run folder.

    Args:
        root: folder that the paths of the records are relative to; never written to. If `clean-labels` made it, its
            cleaning settings are stored with the model.
        records: records with splits; those of train and val are used.
        folder: the run folder to write.
    Raises:
        DataError: a split lacks a class, the split leaks, or model.weights is a run that was trained on files of val
            or test.
        RunError: the folder exists already, or holds another run than the one to resume.
        ConfigError: the backbone or Lightning does not accept a setting on this machine, or a batch does not fit in
            memory.
        WeightsError: see `build_classifier`.
        OutputError: another process is writing into the folder.
    """
    with hold_run(Path(folder)):
        return _train(config, Path(root), records, Path(folder), options)


def hold_run(folder: Path) -> AbstractContextManager[None]:
    """Return the lock of a run folder, which the first of several training processes holds for all of them."""
    return lock(folder) if _rank() == 0 else nullcontext()


def _train(config: Config, root: Path, records: Sequence[Record], folder: Path, options: TrainOptions) -> TrainResult:
    resumes = options.resume and (folder / "config.yaml").is_file()
    if resumes and options.find_lr:
        config = _with_rate(config, open_run(folder).config.optim.head_lr)
    load = not (resumes and has_started(folder, config))
    classifier, films = _prepare(config, root, records, load=load, allow_leaks=options.allow_leaks)
    if resumes:  # an older version may have begun the run with the classes in another order
        films = replace(films, classes=open_run(folder).classes)
    search = None
    if options.find_lr and not resumes:
        films, search = _search_rate(classifier, films)
    _open_folder(folder, root, films, search, resumes=resumes, overwrite=options.overwrite)
    films = replace(films, cache_folder=folder.parent / ".films")
    return _run_phases(folder, root, classifier, films, options)


def _run_phases(folder: Path, root: Path, classifier: Classifier, films: Films, options: TrainOptions) -> TrainResult:
    """Train what is left of both phases, and save the model of the best epoch."""
    with quiet_lightning():
        for phase in PHASES:
            run_phase(phase, classifier, films, folder, options.progress)
    best = load_best(folder, classifier)
    if _rank() == 0:
        if options.fingerprints:
            write_run_fingerprints(folder, root, films.records, films.config)
        _save(folder, root, classifier, films)
    return best


def _prepare(
    config: Config, root: Path, records: Sequence[Record], *, load: bool = True, allow_leaks: bool = False
) -> tuple[Classifier, Films]:
    """Check the settings and the data before anything is written; build the classifier and its films."""
    classes = check_records(records, positive=config.data.positive)
    if not allow_leaks:
        refuse_leaks(records)
    check_pretraining_overlap(config, root, records)
    L.seed_everything(config.seed, workers=True, verbose=False)
    preprocessing = build_preprocessing(config.model, config.data)
    check_image_size(config.model.backbone, preprocessing.image_size, config.model.args)
    with quiet_lightning():
        trainer = check_trainer(config)
    classifier = build_classifier(config.model, len(classes), load=load, image_size=preprocessing.image_size)
    largest: Phase = "finetune" if config.optim.epochs[1] else "head"
    prepare(largest, classifier, config)  # raises if the stage to fine-tune is unknown
    check_batch_of_one(classifier, config, preprocessing.image_size)
    check_memory(build_step(classifier, config, trainer, preprocessing.image_size), config)
    return classifier, Films(config, open_image_root(root), tuple(records), classes, preprocessing)


def _search_rate(classifier: Classifier, films: Films) -> tuple[Films, RateSearch]:
    """Search for the head's learning rate; return the films with the suggested rate in their settings."""
    with quiet_lightning():
        search = find_rate(classifier, films)
    config = _with_rate(films.config, search.suggestion or films.config.optim.head_lr)
    return replace(films, config=config), search


def _with_rate(config: Config, head_lr: float) -> Config:
    return config.model_copy(update={"optim": config.optim.model_copy(update={"head_lr": head_lr})})


def _open_folder(
    folder: Path, root: Path, films: Films, search: RateSearch | None, *, resumes: bool, overwrite: bool
) -> None:
    """Create the run folder, or check that the run in it has the same settings and films."""
    config, cleaning = films.config, read_cleaning(root)
    if resumes:
        check_resumable(folder, config, root, films.records, cleaning=cleaning)
    elif _rank() == 0:  # the first process creates the folder for all
        tag = pretrained_tag(config.model)
        create_run(folder, config, root, films.records, cleaning=cleaning, pretrained_tag=tag, overwrite=overwrite)
    if _rank() == 0:
        write_pretraining_films(folder, config)
    if search is not None and _rank() == 0:
        write_atomic(folder / "figures" / "lr_find.png", draw_rates(search))


def _save(folder: Path, root: Path, classifier: Classifier, films: Films) -> None:
    """Calibrate the model on val, and write it with its learning curves and its figures on val."""
    config, records = films.config, films.records
    model = Model(classifier.eval(), ModelCard(films.classes, config.model, films.preprocessing, read_cleaning(root)))
    validation = predict_records(model, root, usable(records, "val"), config.data)
    prior = prior_bias(config.optim, usable(records, "train"), films.classes)
    model, validation, fit = calibrate_model(model, validation, prior)
    save_model(folder, model)
    stamp = leak_stamp(records)
    write_atomic(folder / "figures" / "learning_curves.png", draw_history(folder / "history.csv", stamp=stamp))
    notes = leaks_as_json(records, stamp) | fit_as_json(fit)
    metrics = evaluate_predictions(validation, threshold=model.card.threshold)
    write_json(folder / "validation.json", metrics.to_dict() | notes)


def _rank() -> int:
    """Return the rank of this process among all training processes, over all devices and machines."""
    return int(cast(Any, rank_zero_only).rank)


def dry_run(
    config: Config, root: str | Path, records: Sequence[Record], picture: str | Path, *, allow_leaks: bool = False
) -> DryRun:
    """Measure a few steps of each phase, and write one augmented batch as a picture and nothing else.

    Raises:
        DataError, ConfigError, WeightsError: see `train`.
    """
    classifier, films = _prepare(config, Path(root), records, allow_leaks=allow_leaks)
    return measure_plan(classifier, films, Path(picture))
