"""Grouped folds: a model a fold, what each says of the fold held out, and the mean of them all as the run's model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fxkit.config import Config
from fxkit.data.leaks import count_leaks, leak_stamp, refuse_leaks
from fxkit.data.manifest import Record, usable
from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_run
from fxkit.evaluation.out_of_fold import OutOfFold, evaluate_folds, pool, write_out_of_fold
from fxkit.index.splits.divide import Divided, assign_folds
from fxkit.metrics.predictions import Predictions
from fxkit.models.backbones import build_preprocessing
from fxkit.models.classifier import Classifier, Ensemble, build_classifier, set_trainable
from fxkit.models.run_folder import check_resumable, create_run
from fxkit.models.saved import Model, load_model, save_model
from fxkit.models.training_films import write_pretraining_films
from fxkit.training.films import check_records
from fxkit.training.phases import check_trainer, quiet_lightning
from fxkit.training.train import train
from preprocess.settings import read_clean_settings

FEWEST = 3  # one held out, one that chooses the epoch, one to learn from

LEARNED = ("train", "val")


@dataclass(frozen=True)
class FoldsResult:
    folder: Path
    found: OutOfFold
    stamp: str  # the line that the run's other figures bear; "" where its split does not leak
    n_test: int  # files of the run's own test part, which no fold has seen


def with_folds(records: Sequence[Record], folds: int, seed: int = 0) -> Divided:
    """Return the records with a fold for each usable file of train and val, and what a user should be told.

    The manifest's own folds are kept where there are as many; else all are assigned anew, by group.

    Raises:
        ConfigError: fewer than three folds.
        DataError: nothing to divide, or a class has fewer groups than folds.
    """
    if folds < FEWEST:
        raise ConfigError(
            f"--folds {folds}: expected {FEWEST} or more: one is held out, another chooses the epoch, the rest trains"
        )
    given = {r.fold for r in usable(records) if r.split in LEARNED}
    if given == {str(fold) for fold in range(folds)}:
        return list(records), [f"the manifest's {folds} folds are used"]
    why = f"the manifest has no {folds} folds" if given - {""} else "the manifest has no folds"
    divided, notes = assign_folds([replace(r, fold="") for r in records], folds, seed)
    return divided, [f"{why}: train and val were divided by group, with seed {seed}", *notes]


def member_records(records: Sequence[Record], fold: int, folds: int) -> list[Record]:
    """Return the records as the model sees them that a fold is held out from.

    That fold is test; the next one, or the first after the last, is val; the others are train. The records' own test
    files are left out.
    """
    parts = {fold: "test", (fold + 1) % folds: "val"}
    return [replace(r, split=parts.get(int(r.fold), "train") if r.split in LEARNED and r.fold else "") for r in records]


def check_folds(records: Sequence[Record], folds: int, *, allow_leaks: bool = False) -> tuple[str, ...]:
    """Return the classes, in index order.

    Raises:
        DataError: a class is missing in a fold, or the split or a fold leaks.
    """
    classes = check_records(records, ())
    held = {(r.fold, r.label) for r in usable(records)}
    lacking = [(fold, name) for fold in range(folds) for name in classes if (str(fold), name) not in held]
    if lacking:
        raise DataError(
            f"fold {lacking[0][0]} has no usable film of class {lacking[0][1]!r}; expected some of every class; make "
            "fewer folds, or leave the manifest's out"
        )
    if not allow_leaks:
        refuse_leaks(records)
        for fold in range(folds):
            refuse_leaks(member_records(records, fold, folds), where=f"fold {fold}")
    return classes


def stamp_of_folds(records: Sequence[Record], folds: int) -> str:
    """Return the line that out-of-fold figures bear where a fold leaks into others; "" where none does."""
    texts = (count_leaks(member_records(records, fold, folds)).text for fold in range(folds))
    told = [f"fold {fold}: {text}" for fold, text in enumerate(texts) if text]
    return f"leaking folds: {'; '.join(told)}" if told else ""


def check_settings(config: Config, class_count: int) -> None:
    """Refuse, before anything is written, the settings that a training would refuse.

    Raises:
        ConfigError, WeightsError: as `train`.
    """
    with quiet_lightning():
        check_trainer(config)
    size = build_preprocessing(config.model, config.data).image_size
    set_trainable(build_classifier(config.model, class_count, image_size=size), config.model.finetune_from)


def average(models: Sequence[Model]) -> Model:
    """Return the model whose probabilities are the mean of these, which differ in their weights and temperature."""
    card = models[0].card
    members = [model.classifier for model in models if isinstance(model.classifier, Classifier)]
    ensemble = Ensemble(members, [model.card.temperature for model in models])
    return Model(ensemble.eval(), replace(card, temperature=1.0, members=len(members)))


def train_folds(
    config: Config,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    folds: int,
    *,
    resume: bool = False,
    overwrite: bool = False,
    allow_leaks: bool = False,
    progress: bool = False,
    device: str = "auto",
    on_step: Callable[[str], None] = lambda step: None,
) -> FoldsResult:
    """Train a model a fold and leave a run folder whose model is their mean.

    Each is a run of its own, in fold-0/, fold-1/ and so on, tested on the fold held out from it: `member_records` says
    what it sees. The epoch is chosen by another fold, so that out-of-fold figures are not chosen by what they measure.
    The run's own test films are used by none. All runs in this process, on one device.

    Args:
        records: with splits; train and val are used, by their folds.
        folds: three or more.
        resume: go on with the run that stands in folder.
        overwrite: delete the run that stands in folder.
        allow_leaks: train on a split or folds that leak; all figures then say so.
        on_step: told what was found out and what is being done next.
    Raises:
        DataError: a class is missing in a fold, or the split or a fold leaks.
        RunError, ConfigError, WeightsError: as `train`.
    """
    folder, root, config = Path(folder), Path(root), config.on_one_device()
    records, notes = with_folds(records, folds, config.seed)
    classes = check_folds(records, folds, allow_leaks=allow_leaks)
    for note in notes:
        on_step(note)
    settings = read_clean_settings(root)
    cleaning = None if settings is None else settings.model_dump()
    if resume and (folder / "config.yaml").is_file():
        check_resumable(folder, config, root, records, cleaning=cleaning, folds=folds)
    else:
        check_settings(config, len(classes))
        create_run(folder, config, root, records, cleaning=cleaning, folds=folds, overwrite=overwrite)
        write_pretraining_films(folder, config)
    parts = []
    for fold in range(folds):
        on_step(f"fold {fold}: training without it, model {fold + 1} of {folds}")
        place, member = folder / f"fold-{fold}", member_records(records, fold, folds)
        train(config, root, member, place, resume=resume, allow_leaks=allow_leaks, progress=progress)
        evaluate_run(place, options=EvaluationOptions(allow_leaks=True, device=device))
        parts.append(Predictions.read_csv(place / "predictions.csv"))
    model = average([load_model(folder / f"fold-{fold}") for fold in range(folds)])
    save_model(folder, model)
    stamp = "; ".join(filter(None, [stamp_of_folds(records, folds), leak_stamp(records)]))
    found = evaluate_folds(parts, threshold=model.card.threshold, stamp=stamp)
    write_out_of_fold(folder, pool(parts, [r.path for r in records]), found)
    return FoldsResult(folder, found, leak_stamp(records), len(usable(records, "test")))
