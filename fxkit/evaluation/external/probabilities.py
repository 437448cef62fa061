"""Turn the scores of a table into probabilities of classes, or refuse them with counts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.data.positive import choose_order
from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.external.columns import same_class
from fxkit.evaluation.external.read_predictions import ForeignPredictions
from fxkit.metrics.predictions import SUM_TOLERANCE, UNKNOWN
from preprocess.errors import first_few
from preprocess.tables.cells import label_key
from preprocess.tables.spellings import CLASSES, join_spellings
from preprocess.words import amount, part_of

Floats = NDArray[np.float64]

ROUNDED = 1e-9  # sums of rows that were written with few digits differ more from 1

LIMITS = {"probability": 1.0, "percent": 100.0}


@dataclass(frozen=True, eq=False)
class ClassScores:
    """The scores of a table as probabilities.

    Attributes:
        classes: C names; of two, the second is positive.
        labels: (N,) int64 indices into classes; -1 if the class is unknown.
        probabilities: (N, C) float64; each row adds up to 1.
        notes: messages for the user, warnings among them.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: Floats
    notes: tuple[str, ...]

    def label(self, row: int) -> str:
        """Return the true class of a row; "" if it is unknown."""
        return self.classes[self.labels[row]] if self.labels[row] >= 0 else ""


def class_scores(
    predictions: ForeignPredictions, *, positive: str | None = None, threshold: float | None = None
) -> ClassScores:
    """Give each score its class, and turn scores into probabilities.

    Args:
        positive: the positive class of two; None for the one whose name means a finding.
        threshold: with the scale "score", the score from which a film counts as positive; it becomes 0.5.
    Raises:
        DataError: the true classes and the columns of scores do not fit, a score is out of range, rows do not add up to
            1, or all scores are equal.
        ConfigError: the positive class is none of the classes, or a score has no threshold.
    """
    names, notes = _join_labels(predictions)
    classes, warning = _choose_classes(predictions, names, positive)
    _refuse_constant(predictions)
    columns = [name for name in predictions.classes if name]
    if predictions.scores.shape[1] == 1:
        first = _to_probability(predictions, threshold)[:, 0]
        of = 1 if not columns or same_class(columns[0], classes[1]) else 0
        both = np.stack([1 - first, first] if of else [first, 1 - first], axis=1)
        probabilities = np.asarray(both, np.float64)
    else:
        order = [next(k for k, name in enumerate(columns) if same_class(name, wanted)) for wanted in classes]
        probabilities = _all_classes(predictions, threshold)[:, order]
    index = {label_key(name): k for k, name in enumerate(classes)}
    labels = np.array([index[label_key(name)] if name else UNKNOWN for name in names], np.int64)
    notes += [warning] if warning else []
    return ClassScores(
        classes, labels, probabilities, (*notes, *_decisions_note(predictions), *_confidence_note(predictions))
    )


def _join_labels(predictions: ForeignPredictions) -> tuple[list[str], list[str]]:
    labels, notes = join_spellings([film.label for film in predictions.films], label_key, CLASSES)
    n_unknown = sum(not label for label in labels)
    if n_unknown == len(labels):
        found = "the true class is empty in all rows" if "label" in predictions.columns.facts else "no column of truth"
        raise DataError(
            f"{predictions.file}: {found}; expected a column such as `label`; name it with --truth, or give a second "
            "table with --films"
        )
    if n_unknown:
        notes.append(
            f"{predictions.file}: {amount(n_unknown, 'film has', 'films have')} no true class and no part in the "
            "figures"
        )
    return labels, notes


def _choose_classes(
    predictions: ForeignPredictions, labels: Sequence[str], positive: str | None
) -> tuple[tuple[str, ...], str]:
    """Return the classes in order, and a warning if the positive one was guessed."""
    present = Counter(label for label in labels if label)
    columns = [name for name in predictions.classes if name]
    if len(columns) > 1:
        spelled = _match_columns(predictions.file, columns, present)
        order = choose_order(spelled, _spelled(positive, spelled))
        return order.classes, order.warning
    names = _two_classes(predictions.file, columns, list(present), positive)
    chosen = _spelled(positive, names)
    if columns and chosen is None:
        chosen = _spelled(columns[0], names)  # a single column is that of the finding
    order = choose_order(names, chosen)
    return order.classes, order.warning


def _match_columns(file: Path, columns: Sequence[str], present: Counter[str]) -> list[str]:
    """Return the class of each column in the spelling of the true classes, all of which must have a column."""
    foreign = [name for name in present if not any(same_class(name, column) for column in columns)]
    if foreign:
        n = sum(present[name] for name in foreign)
        raise DataError(
            f"{file}: the true class of {amount(n, 'film')} ({first_few(foreign)}) is not one of those with scores "
            f"({', '.join(columns)}); expected the same names; rename them, or name the columns with --score "
            "CLASS=COLUMN"
        )
    return [next((name for name in present if same_class(name, column)), column) for column in columns]


def _two_classes(file: Path, columns: Sequence[str], names: list[str], positive: str | None) -> list[str]:
    """Return the two classes behind a single column of scores, whose class may be named."""
    if columns and not any(same_class(columns[0], name) for name in names):
        if len(names) > 1:
            raise DataError(
                f"{file}: the scores are those of class {columns[0]!r}, which no film has; the true classes are "
                f"{first_few(names, 5)}; rename it, or give --score CLASS=COLUMN with one of them"
            )
        return [*names, columns[0]]
    if len(names) == 1 and positive is None:
        raise DataError(
            f"{file}: all films are of class {names[0]!r}, and the column of scores does not say of which class it is; "
            f'give --positive "{names[0]}" if the scores are those of this class, or --positive with the name of the '
            "other"
        )
    if len(names) == 1:
        return [*names, f"not {names[0]}" if same_class(str(positive), names[0]) else str(positive)]
    if len(names) > 2:
        raise DataError(
            f"{file}: {len(names)} true classes ({first_few(names, 5)}) and one column of scores; expected one column "
            "for each class; name them with --score CLASS=COLUMN"
        )
    return names


def _spelled(name: str | None, names: Sequence[str]) -> str | None:
    """Return the spelling among the names of the class that the user names."""
    return name if name is None else next((other for other in names if same_class(other, name)), name)


def _refuse_constant(predictions: ForeignPredictions) -> None:
    first = predictions.scores[0]
    if len(predictions.scores) > 1 and (predictions.scores == first).all():
        raise DataError(
            f"{predictions.file}: all {len(predictions.scores)} films have the same score "
            f"({first_few(map(str, first))}); expected scores that differ; are they written from the right variable?"
        )


def _to_probability(predictions: ForeignPredictions, threshold: float | None) -> Floats:
    """Return (N, K) each column as a probability of its own."""
    scores, scale = predictions.scores, predictions.scale
    if scale == "logit":
        return np.asarray(_sigmoid(scores), np.float64)
    if scale == "score":
        return _from_threshold(scores, threshold)
    limit = LIMITS[scale]
    outside = (scores < 0) | (scores > limit * (1 + SUM_TOLERANCE))
    if outside.any():
        low, high = scores.min(), scores.max()
        fits = "percent" if low >= 0 and high <= 100 and scale == "probability" else "logit"
        raise DataError(
            f"{predictions.file}: the scores of {part_of(int(outside.any(axis=1).sum()), len(scores), 'film')} lie "
            f"outside of 0 to {limit:g} (from {low:g} to {high:g}); expected a {scale}; give --scale {fits} if they "
            f"are {'percentages' if fits == 'percent' else 'logits'}, or --scale score with --threshold for any other "
            "scale"
        )
    return np.asarray(np.clip(scores / limit, 0, 1), np.float64)


def _sigmoid(values: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(values), np.float64)


def _from_threshold(scores: Floats, threshold: float | None) -> Floats:
    """Map any score to 0 to 1 in its order, the threshold to 0.5; the values are no probabilities."""
    if threshold is None:
        raise ConfigError("--scale score: give --threshold, the score from which a film counts as positive")
    width = max(np.abs(scores - threshold).max(), np.finfo(np.float64).tiny)
    return np.asarray(0.5 + (scores - threshold) / (2 * width), np.float64)


def _all_classes(predictions: ForeignPredictions, threshold: float | None) -> Floats:
    """Return (N, C) probabilities from one column for each class."""
    if predictions.scale == "logit":
        from scipy.special import softmax

        return np.asarray(softmax(predictions.scores, axis=1), np.float64)
    if predictions.scale == "score":
        raise ConfigError("--scale score: expected one column, the score of the positive class; name it with --score")
    probabilities = _to_probability(predictions, threshold)
    sums = probabilities.sum(axis=1)
    off = np.abs(sums - 1) > SUM_TOLERANCE * probabilities.shape[1]
    if off.any():
        i = int(np.flatnonzero(off)[0])
        raise DataError(
            f"{predictions.file}: the probabilities of {part_of(int(off.sum()), len(sums), 'film')} do not add up "
            f"to 1 (from {sums.min():.3g} to {sums.max():.3g}; first {predictions.films[i].key}); expected one "
            "probability for each class; give --scale logit if they are logits, or --score with the column of the "
            "positive class if the classes are independent findings"
        )
    rounded = np.abs(sums - 1) > ROUNDED  # other rows keep all their digits
    return np.asarray(np.where(rounded[:, None], probabilities / sums[:, None], probabilities), np.float64)


def _decisions_note(predictions: ForeignPredictions) -> list[str]:
    values = np.unique(predictions.scores)
    if len(values) > 2:
        return []
    return [
        f"WARNING: {predictions.file}: the scores have only the values {values[0]:g} and {values[-1]:g}, so they are "
        "decisions; the AUROC is that of one threshold, and calibration cannot be judged; expected probabilities"
    ]


FEW_FILMS = 20  # as few scores may all lie above 0.5 by chance


def _confidence_note(predictions: ForeignPredictions) -> list[str]:
    """Warn if a single column may hold the confidence in each decision, which is never below one half."""
    if predictions.scores.shape[1] > 1 or len(predictions.films) < FEW_FILMS or predictions.scale not in LIMITS:
        return []
    half = LIMITS[predictions.scale] / 2
    if predictions.scores.min() < half:
        return []
    column = next(iter(predictions.columns.scores))
    return [
        f"WARNING: {predictions.file}: no score is below {half:g}: does `{column}` hold the confidence in each "
        "decision? Expected the probability of the same class for all films"
    ]
