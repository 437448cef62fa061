"""Two-phase transfer learning by Lightning: the head on a frozen backbone, then fine-tuning from a stage onwards."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import lightning as L
from lightning.pytorch.utilities import rank_zero_only

from fxkit.config import Config
from fxkit.data.dataset import image_place
from fxkit.data.leaks import leaks_as_json, refuse_leaks, stamp_of
from fxkit.data.manifest import Record, usable
from fxkit.data.transforms import build_preprocessing
from fxkit.inference import predict_records
from fxkit.metrics import evaluate_predictions
from fxkit.model import build_classifier
from fxkit.run import Model, ModelCard, check_same, create_run, save_model, write_json
from fxkit.temperature import as_json, calibrated
from fxkit.training.films import PHASES, Films, Phase, check_records
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
    Raises:
        DataError: a split or class has no film, or the split leaks.
        RunError: the folder is in the way, or is not the run to resume.
        ConfigError: settings that this backbone, or Lightning on this machine, does not take, or a batch that does
            not fit in memory.
        WeightsError: as `build_classifier`.
    """
    folder = Path(folder)
    classes = check_records(records)
    if not allow_leaks:
        refuse_leaks(records)
    settings = read_clean_settings(root)
    cleaning = None if settings is None else asdict(settings)
    L.seed_everything(config.seed, workers=True, verbose=False)
    preprocessing = build_preprocessing(config.model, config.data)
    resumes = resume and (folder / "config.yaml").is_file()
    with quiet_lightning():
        trainer = check_trainer(config)
    load = not (resumes and has_started(folder))
    classifier = build_classifier(config.model, len(classes), load=load, image_size=preprocessing.image_size)
    longest: Phase = "finetune" if config.optim.epochs[1] else "head"
    prepare(longest, classifier, config)  # refuses an unknown stage before anything is written
    check_memory(training_step(classifier, config, trainer, preprocessing.image_size), config)
    if resumes:
        check_same(folder, config, Path(root), records, cleaning=cleaning)
    elif _rank() == 0:  # the other processes of a run over several devices find it made
        create_run(folder, config, Path(root), records, cleaning=cleaning, overwrite=overwrite)
    films = Films(config, image_place(root), tuple(records), classes, preprocessing)
    with quiet_lightning():
        for phase in PHASES:
            run_phase(phase, classifier, films, folder, progress)
    best = load_best(folder, classifier)
    if _rank() != 0:
        return best
    model = Model(classifier.eval(), ModelCard(classes, config.model, preprocessing, cleaning))
    validation = predict_records(model, root, usable(records, "val"), config.data)
    model, validation, fit = calibrated(model, validation)
    save_model(folder, model)
    more = leaks_as_json(records, stamp_of(records)) | as_json(fit)
    write_json(folder / "validation.json", evaluate_predictions(validation).to_dict() | more)
    return best


def _rank() -> int:
    """This process's number among those of the training, over all devices and machines."""
    return int(cast(Any, rank_zero_only).rank)
