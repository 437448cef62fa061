"""Train with grouped folds: one model per fold, out-of-fold figures, and a run whose model averages all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from fxkit.config import Config
from fxkit.data.leaks import refuse_leaks
from fxkit.data.manifest import Record, usable
from fxkit.data.positive import positive_class
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_run
from fxkit.evaluation.fold_predictions import FILE, pool
from fxkit.evaluation.out_of_fold import OutOfFold, rewrite_figures
from fxkit.evaluation.overlap import write_run_fingerprints
from fxkit.index.splits.divide import Divided, assign_folds
from fxkit.index.splits.hold_out_fold import LEARNED, hold_out_fold
from fxkit.metrics.predictions import Predictions
from fxkit.models.backbones import build_preprocessing, pretrained_tag
from fxkit.models.classifier import Classifier, Ensemble, build_classifier, set_trainable
from fxkit.models.run_folder import check_resumable, create_run, open_run
from fxkit.models.saved import Model, load_model, save_model
from fxkit.models.training_films import write_pretraining_films
from fxkit.training.films import check_records, read_cleaning
from fxkit.training.phases import check_trainer, quiet_lightning
from fxkit.training.train import DEFAULTS, TrainOptions, train
from preprocess.locks import locked

FEWEST = 3  # one fold to predict, one that selects the epoch, one to train on


@dataclass(frozen=True)
class FoldsResult:
    """The result of training with folds.

    Attributes:
        out_of_fold: the figures of the predictions of each fold by the model that did not train on it.
        stamp: the warning shown with the run's other figures; "" if its split does not leak.
        n_test: number of files in the run's own test split, which no fold contains.
    """

    folder: Path
    out_of_fold: OutOfFold
    stamp: str
    n_test: int


def add_folds(records: Sequence[Record], folds: int, seed: int = 0) -> Divided:
    """Return the records with a fold for each usable file of train and val, and notes for the user.

    The folds of the manifest are kept if there are as many as requested. Otherwise all folds are assigned again, by
    group.

    Raises:
        ConfigError: fewer than three folds.
        DataError: there is nothing to divide, or a class has fewer groups than folds.
    """
    if folds < FEWEST:
        raise ConfigError(
            f"--folds {folds}: expected {FEWEST} or more: one fold is predicted, one selects the epoch, and the "
            "model trains on the others"
        )
    present = {r.fold for r in usable(records) if r.split in LEARNED}
    if present == {str(fold) for fold in range(folds)}:
        return list(records), [f"the manifest's {folds} folds are used"]
    reason = f"the manifest has no {folds} folds" if present - {""} else "the manifest has no folds"
    divided, notes = assign_folds([replace(r, fold="") for r in records], folds, seed)
    return divided, [f"{reason}: train and val were divided by group, with seed {seed}", *notes]


def check_folds(
    records: Sequence[Record], folds: int, *, positive: str | None = None, allow_leaks: bool = False
) -> tuple[str, ...]:
    """Return the classes in index order.

    Args:
        positive: the positive class, as in `order_classes`.
    Raises:
        ConfigError: the positive class is none of two classes.
        DataError: a fold lacks a class, or the split or a fold leaks.
    """
    classes = check_records(records, (), positive=positive)
    present = {(r.fold, r.label) for r in usable(records)}
    missing = [(fold, name) for fold in range(folds) for name in classes if (str(fold), name) not in present]
    if missing:
        raise DataError(
            f"fold {missing[0][0]} has no usable film of class {missing[0][1]!r}; expected films of every class; use "
            "fewer folds, or remove the folds from the manifest"
        )
    if not allow_leaks:
        refuse_leaks(records)
        for fold in range(folds):
            refuse_leaks(hold_out_fold(records, fold, folds), where=f"fold {fold}")
    return classes


def check_settings(config: Config, n_classes: int) -> None:
    """Raise the errors that training would raise for these settings, before anything is written.

    Raises:
        ConfigError, WeightsError: see `train`.
    """
    with quiet_lightning():
        check_trainer(config)
    size = build_preprocessing(config.model, config.data).image_size
    set_trainable(build_classifier(config.model, n_classes, image_size=size), config.model.finetune_from)


def average_models(models: Sequence[Model]) -> Model:
    """Return the model that averages the probabilities of models with the same settings.

    Each member keeps its own weights, temperature and bias. The threshold is the mean of theirs, in log-odds.
    """
    cards = [model.card for model in models]
    members = [model.classifier for model in models if isinstance(model.classifier, Classifier)]
    ensemble = Ensemble(members, [card.temperature for card in cards], [card.bias for card in cards])
    threshold = float(expit(np.mean(logit([card.threshold for card in cards]))))
    card = replace(cards[0], temperature=1.0, bias=(), threshold=threshold, members=len(members))
    return Model(ensemble.eval(), card)


@locked("folder")
def train_folds(
    config: Config,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    folds: int,
    options: TrainOptions = DEFAULTS,
    *,
    device: str = "auto",
    on_step: Callable[[str], None] = lambda step: None,
) -> FoldsResult:
    """Train one model per fold, and write a run folder whose model averages them.

    Each model is a run of its own, in fold-0/, fold-1/ and so on, and is evaluated on the fold it did not train on.
    Another fold selects its epoch (see `hold_out_fold`). No model uses the test files. All are trained on one device.

    Args:
        records: records with splits; those of train and val are used, by fold.
        folds: three or more.
        options: options of the run and of each model; find_lr has no effect.
        device: device for evaluation: auto, cpu, cuda or mps.
        on_step: called with a note, or with a description of the next step.
    Raises:
        DataError: a fold lacks a class, or the split or a fold leaks.
        RunError, ConfigError, WeightsError: see `train`.
    """
    folder, root, config = Path(folder), Path(root), config.on_one_device()
    records, notes = add_folds(records, folds, config.seed)
    classes = check_folds(records, folds, positive=config.data.positive, allow_leaks=options.allow_leaks)
    for note in notes:
        on_step(note)
    _open_folder(config, root, records, folder, folds, classes, options)
    parts, member_options = [], replace(options, overwrite=False, find_lr=False, fingerprints=False)
    for fold in range(folds):
        on_step(f"training model {fold + 1} of {folds}, without fold {fold}")
        member = hold_out_fold(records, fold, folds)
        parts.append(_train_member(config, root, member, folder / f"fold-{fold}", member_options, device))
    write_run_fingerprints(folder, root, records, config)
    return _save(folder, records, parts)


def _train_member(
    config: Config, root: Path, records: Sequence[Record], folder: Path, options: TrainOptions, device: str
) -> Predictions:
    """Train the model of a fold, and return its predictions of that fold."""
    train(config, root, records, folder, options)
    evaluate_run(folder, options=EvaluationOptions(allow_leaks=True, device=device))
    return Predictions.read_csv(folder / "predictions.csv")


def _open_folder(
    config: Config,
    root: Path,
    records: Sequence[Record],
    folder: Path,
    folds: int,
    classes: tuple[str, ...],
    options: TrainOptions,
) -> None:
    """Create the run folder, or check that the run in it has the same settings and films."""
    cleaning = read_cleaning(root)
    if options.resume and (folder / "config.yaml").is_file():
        check_resumable(folder, config, root, records, cleaning=cleaning, folds=folds)
        _check_order(folder, classes)
        write_pretraining_films(folder, config)
        return
    check_settings(config, len(classes))
    tag, overwrite = pretrained_tag(config.model), options.overwrite
    create_run(folder, config, root, records, cleaning=cleaning, folds=folds, pretrained_tag=tag, overwrite=overwrite)
    write_pretraining_films(folder, config)


def _check_order(folder: Path, classes: tuple[str, ...]) -> None:
    """Raise RunError if an older version began the run with another positive class: the new members would differ."""
    before = open_run(folder).classes
    if before != classes:
        raise RunError(
            f"{folder}: was started by an older version with the positive class {positive_class(before)!r}; now it "
            f"would be {positive_class(classes)!r}; give --overwrite to train all models again"
        )


def _save(folder: Path, records: Sequence[Record], parts: Sequence[Predictions]) -> FoldsResult:
    """Write the averaged model and the out-of-fold figures.

    Args:
        parts: the predictions of each fold, in the order of the folds.
    """
    model = average_models([load_model(folder / f"fold-{fold}") for fold in range(len(parts))])
    save_model(folder, model)
    run = open_run(folder)
    pooled = pool(parts, [r.path for r in records])
    pooled.write_csv(folder / FILE, threshold=model.card.threshold)
    return FoldsResult(folder, rewrite_figures(run, model, parts), run.stamp, len(usable(records, "test")))
