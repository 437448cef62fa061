"""Two-phase transfer learning by Lightning: the head on a frozen backbone, then fine-tuning from a stage onwards."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import lightning as L
from lightning.pytorch.utilities import rank_zero_only

from fxkit.config import Config
from fxkit.data.dataset import open_image_root
from fxkit.data.leaks import leak_stamp, leaks_as_json, refuse_leaks
from fxkit.data.manifest import Record, usable
from fxkit.evaluation.temperature import calibrate_model, fit_as_json
from fxkit.metrics.figures.history import draw_history
from fxkit.metrics.summary import evaluate_predictions
from fxkit.models.backbones import build_preprocessing
from fxkit.models.classifier import Classifier, build_classifier
from fxkit.models.model_json import ModelCard
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import check_resumable, create_run, open_run, write_json
from fxkit.models.saved import Model, save_model
from fxkit.models.training_films import check_pretraining_overlap, write_pretraining_films
from fxkit.training.dry_run import DryRun, try_out
from fxkit.training.films import PHASES, Films, Phase, check_records
from fxkit.training.lr_find import draw_rates, find_rate
from fxkit.training.memory import check_memory, training_step
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
from preprocess.settings import read_clean_settings


def train(
    config: Config,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    allow_leaks: bool = False,
    progress: bool = False,
    find_lr: bool = False,
) -> TrainResult:
    """Train a classifier and leave a run folder.

    Args:
        root: folder that the records' paths are relative to; not written to. Where `clean-labels` made it, its
            settings are stored with the model.
        records: with splits; train and val are used.
        folder: the run folder to make.
        resume: go on from the last finished epoch of the run that stands in folder.
        overwrite: delete the run that stands in folder.
        allow_leaks: train on a split that leaks; the run and all its figures then say so.
        find_lr: search optim.head_lr first and train with what is found; a resumed run keeps the one that it has.
    Raises:
        DataError: a split or class has no film, the split leaks, or model.weights is a run that has learnt files of
            its val or test.
        RunError: the folder is in the way, or is not the run to resume.
        ConfigError: settings that this backbone, or Lightning on this machine, does not take, or a batch that does
            not fit in memory.
        WeightsError: as `build_classifier`.
    """
    folder = Path(folder)
    resumes = resume and (folder / "config.yaml").is_file()
    if resumes and find_lr:
        config = _with_rate(config, open_run(folder).config.optim.head_lr)
    settings = read_clean_settings(root)
    cleaning = None if settings is None else settings.model_dump()
    load = not (resumes and has_started(folder))
    classifier, films = _prepare(config, root, records, load=load, allow_leaks=allow_leaks)
    search = None
    if find_lr and not resumes:
        with quiet_lightning():
            search = find_rate(classifier, films)
        config = _with_rate(config, search.suggestion or config.optim.head_lr)
        films = replace(films, config=config)
    if resumes:
        check_resumable(folder, config, Path(root), records, cleaning=cleaning)
    elif _rank() == 0:  # the other processes of a run over several devices find it made
        create_run(folder, config, Path(root), records, cleaning=cleaning, overwrite=overwrite)
        write_pretraining_films(folder, config)
    if search is not None and _rank() == 0:
        write_atomic(folder / "figures" / "lr_find.png", draw_rates(search))
    films = replace(films, cache_folder=folder.parent / ".films")
    with quiet_lightning():
        for phase in PHASES:
            run_phase(phase, classifier, films, folder, progress)
    best = load_best(folder, classifier)
    if _rank() != 0:
        return best
    model = Model(classifier.eval(), ModelCard(films.classes, config.model, films.preprocessing, cleaning))
    validation = predict_records(model, root, usable(records, "val"), config.data)
    model, validation, fit = calibrate_model(model, validation)
    save_model(folder, model)
    stamp = leak_stamp(records)
    write_atomic(folder / "figures" / "learning_curves.png", draw_history(folder / "history.csv", stamp=stamp))
    more = leaks_as_json(records, stamp) | fit_as_json(fit)
    write_json(folder / "validation.json", evaluate_predictions(validation).to_dict() | more)
    return best


def dry_run(
    config: Config, root: str | Path, records: Sequence[Record], picture: str | Path, *, allow_leaks: bool = False
) -> DryRun:
    """Try out a training on a few batches of each phase; write one augmented batch to picture, and nothing else.

    Raises:
        DataError, ConfigError, WeightsError: as `train`.
    """
    classifier, films = _prepare(config, root, records, allow_leaks=allow_leaks)
    return try_out(classifier, films, Path(picture))


def _prepare(
    config: Config, root: str | Path, records: Sequence[Record], *, load: bool = True, allow_leaks: bool = False
) -> tuple[Classifier, Films]:
    """Check all that can be checked before anything is written, and build what is trained on what."""
    classes = check_records(records)
    if not allow_leaks:
        refuse_leaks(records)
    check_pretraining_overlap(config, Path(root), records)
    L.seed_everything(config.seed, workers=True, verbose=False)
    preprocessing = build_preprocessing(config.model, config.data)
    with quiet_lightning():
        trainer = check_trainer(config)
    classifier = build_classifier(config.model, len(classes), load=load, image_size=preprocessing.image_size)
    longest: Phase = "finetune" if config.optim.epochs[1] else "head"
    prepare(longest, classifier, config)  # refuses an unknown stage
    check_memory(training_step(classifier, config, trainer, preprocessing.image_size), config)
    return classifier, Films(config, open_image_root(root), tuple(records), classes, preprocessing)


def _with_rate(config: Config, head_lr: float) -> Config:
    return config.model_copy(update={"optim": config.optim.model_copy(update={"head_lr": head_lr})})


def _rank() -> int:
    """This process's number among those of the training, over all devices and machines."""
    return int(cast(Any, rank_zero_only).rank)
