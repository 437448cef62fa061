"""The metadata-only baseline: how well files' facts and markers predict the class, without looking at the film.

Where they do, a network can do the same, and its score need not come from the bone.
"""

import hashlib
import inspect
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import rankdata

from fxkit import __version__
from fxkit.data.manifest import Record, order_classes
from fxkit.index.cache import Store
from fxkit.index.datacard.metadata import Marking, Table, build_table, choose, film_of
from fxkit.index.datacard.verdicts import ABOVE, ALL, FAR_ABOVE, NONE, UNDECIDED
from fxkit.index.facts import FileFacts
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, Ints, ranking_metric

FAR, CHANCE = 0.6, 0.5  # at 0.6 the fractured of two films is told 60 times in 100: twice 0.05, an ablation's margin

EXCLUDED = 0.7  # "no evidence" only where the interval excludes that metadata predict the class this well


FOLDS, REPEATS = 5, 3

TREES = 100

LEAF = 0.05  # of the weight: a leaf of 120 films holds 6 of them, however many copies they have


@dataclass(frozen=True)
class Alone:
    """How well one kind of metadata predicts the class by itself: AUROC (macro where classes are more than two).

    Args:
        n_films: whose metadata of this kind are known.
        verdict: FAR_ABOVE, ABOVE, NONE or UNDECIDED.
    """

    kind: str
    found: Interval
    n_films: int
    verdict: str


@dataclass(frozen=True)
class Baseline:
    """All metadata first, then each kind alone; the verdict is that of the strongest of them."""

    figures: tuple[Alone, ...]
    verdict: str
    n_films: int
    n_groups: int
    n_left_out: int  # films beyond the most that are used


def metadata_baseline(
    records: Sequence[Record],
    facts: Mapping[str, FileFacts],
    markings: Mapping[str, Marking] | None = None,
    *,
    seed: int = 0,
    store: Store | None = None,
) -> Baseline | None:
    """Predict the class from metadata by cross-validation over groups; None where there is one class only.

    Extremely randomised trees learn from every file, weighed so that films count alike and so do classes, and
    predict films of other groups. Copies' predictions are averaged: the unit is the film, that of the interval the
    group. Trees are at ease with few groups and with relations that are no straight line; without bootstrap samples
    they say exactly 0.5 where nothing differs. The interval covers the choice of films, not that of the folds: of
    made sets without any difference 3 % come out above chance, none far above, and 12 % below, which is no evidence
    either (benchmarks/metadata_baseline.py).

    Args:
        records: readable ones.
        facts: by path; records without are left out.
        markings: by path, where known. A file that has none takes the mean of its film's other files.
        store: keeps the figures, for the next time that the same table comes.
    """
    files = [record for record in records if record.path in facts]
    everything = build_table(files, facts, markings)
    table = everything.take(choose(files, seed))
    classes = order_classes(record.label for record in table.records)
    if len(classes) < 2:
        return None
    figures = _figures(table, seed) if store is None else _kept_figures(store, table, seed)
    strongest = max(figures, key=lambda figure: np.nan_to_num(figure.found.low, nan=-1.0))
    used = {film_of(record) for record in table.records}
    return Baseline(
        figures,
        strongest.verdict if strongest.verdict in (FAR_ABOVE, ABOVE) else figures[0].verdict,
        len(used),
        len({group for _, group, _ in used}),
        len({film_of(record) for record in files} - used),
    )


def verdict_of(found: Interval) -> str:
    """Judge an AUROC by its interval."""
    if not found.low <= found.high:
        return UNDECIDED
    if found.low > CHANCE:
        return FAR_ABOVE if found.low > FAR else ABOVE
    return NONE if found.high < EXCLUDED else UNDECIDED


def _figures(table: Table, seed: int) -> tuple[Alone, ...]:
    complete = [values for values in table.kinds.values() if not np.isnan(values).all(axis=1).any()]
    whole = Table(table.records, {ALL: np.concatenate(complete, axis=1)})
    return tuple(_alone(part, kind, seed) for part in (whole, table) for kind in part.kinds)


def _kept_figures(store: Store, table: Table, seed: int) -> tuple[Alone, ...]:
    """Take the figures of the last run over the same table by the same code, or find them."""
    rows = repr([(record.path, *film_of(record)) for record in table.records])
    marks = [inspect.getsource(sys.modules[__name__]), __version__, str(seed), rows, *table.kinds]
    parts = [mark.encode("utf-8", "surrogateescape") for mark in marks]
    key = hashlib.sha256(b"\n".join([*parts, *(values.tobytes() for values in table.kinds.values())])).hexdigest()
    kept = store.figures(key)
    if kept is not None:
        return tuple(Alone(**{**values, "found": Interval(**values["found"])}) for values in kept)
    found = _figures(table, seed)
    store.keep_figures(key, [asdict(figure) for figure in found])
    return found


def _alone(table: Table, kind: str, seed: int) -> Alone:
    known = table.take(np.flatnonzero(~np.isnan(table.kinds[kind]).all(axis=1)).tolist())
    films = {film_of(record) for record in known.records}
    n_groups = len({group for _, group, _ in films})
    if len({label for _, _, label in films}) > 1 and (known.kinds[kind] == known.kinds[kind][0]).all():
        return Alone(kind, Interval(CHANCE, CHANCE, CHANCE, n_groups), len(films), NONE)  # the same in all files
    runs = cross_validate(known.records, known.kinds[kind], seed=seed)
    if not runs:
        return Alone(kind, Interval(np.nan, np.nan, np.nan, n_groups), len(films), UNDECIDED)
    found = interval(ranking_metric(runs[0].classes), runs, seed=seed)
    return Alone(kind, found, len(films), verdict_of(found))


def cross_validate(records: Sequence[Record], values: Floats, *, seed: int = 0) -> list[Predictions]:
    """Predict every film from the metadata (N, columns) of other groups' files; one list of films a repeat.

    Classes of a single group are left out; where fewer than two remain, so is everything.
    """
    groups = Counter(label for label, _ in {(r.label, r.group) for r in records})
    classes = order_classes(label for label, count in groups.items() if count > 1)
    if len(classes) < 2:
        return []
    folds = min(FOLDS, *(groups[label] for label in classes))
    rows = [i for i, record in enumerate(records) if record.label in classes]
    chosen = [records[i] for i in rows]
    return [_pooled(chosen, values[rows], classes, folds, seed + repeat) for repeat in range(REPEATS)]


def _pooled(records: Sequence[Record], values: Floats, classes: tuple[str, ...], folds: int, seed: int) -> Predictions:
    from sklearn.ensemble import ExtraTreesClassifier

    labels = np.array([classes.index(record.label) for record in records])
    fold, weights = _folds(records, folds, seed), _weights(records)
    ranks = rankdata(values, axis=0)  # a split falls anywhere between two ranks: a few huge files take no part of it
    probabilities = np.zeros((len(records), len(classes)))
    for number in range(folds):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        forest = ExtraTreesClassifier(TREES, min_weight_fraction_leaf=LEAF, random_state=seed)
        forest.fit(ranks[train], labels[train], sample_weight=weights[train] / _totals(labels, weights, train))
        if len(test):
            probabilities[np.ix_(test, forest.classes_)] = np.round(forest.predict_proba(ranks[test]), 9)
    return Predictions(
        classes,
        tuple(record.path for record in records),
        labels,
        probabilities,
        tuple(record.film for record in records),
        tuple(record.group for record in records),
    ).by_film()


def _folds(records: Sequence[Record], folds: int, seed: int) -> Ints:
    """(N,) fold of each file: groups whole, the films of each class spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    films = sorted({(record.group, record.label, record.film) for record in records})
    groups, labels = [group for group, _, _ in films], [label for _, label, _ in films]
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(films, labels, groups)
    fold = {groups[i]: number for number, (_, test) in enumerate(parts) for i in test}
    return np.array([fold[record.group] for record in records], np.int64)


def _weights(records: Sequence[Record]) -> Floats:
    """1 / copies, so that each film counts as one."""
    copies = Counter(map(film_of, records))
    return np.array([1 / copies[film_of(record)] for record in records])


def _totals(labels: Ints, weights: Floats, rows: Ints) -> Floats:
    """Each row's class's weight: without it a fold's shares of the classes would leak into its predictions."""
    totals = np.asarray(np.bincount(labels[rows], weights[rows]), float)
    return totals[labels[rows]]
