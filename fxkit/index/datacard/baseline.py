"""The metadata-only baseline: how well the metadata of files predict the class, without the image.

If they do, a network may learn the same, and its score need not come from the bone.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from fxkit import __version__
from fxkit.data.manifest import Record
from fxkit.data.positive import order_classes
from fxkit.index.cache import Store
from fxkit.index.datacard.metadata import Marking, Table, build_table, choose_files, film_of
from fxkit.index.datacard.verdicts import ALL, CHANCE, NONE, UNDECIDED, Baseline, KindScore, decisive, verdict_of
from fxkit.index.facts import FileFacts
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, Ints, ranking_metric

BASELINE_VERSION = 2  # Raise this when the figures for the same table change: caches then drop theirs.

FOLDS, REPEATS = 5, 3

TREES = 100

LEAF = 0.05  # smallest leaf, as a fraction of the weight: 6 of 120 films, however many copies they have


def metadata_baseline(
    records: Sequence[Record],
    facts: Mapping[str, FileFacts],
    markings: Mapping[str, Marking] | None = None,
    *,
    seed: int = 0,
    store: Store | None = None,
) -> Baseline | None:
    """Predict the class from metadata alone, by cross-validation over groups; return None if there is only one class.

    Extremely randomised trees learn from the files of some groups and predict the films of the others. Files are
    weighted so that films count equally, whatever their number of copies, and so do classes. The predictions of the
    copies of a film are averaged; the interval is over groups. Trees work with few groups and with non-linear
    relations, and without bootstrap samples they predict exactly 0.5 if the metadata of all films are equal. Only
    films of the same fold are compared. The interval covers the choice of films but not of folds
    (benchmarks/metadata_baseline.py measures false alarms).

    Args:
        records: usable records.
        facts: path -> facts; records without facts are left out.
        markings: path -> markers, for the files whose markers are known. Another file takes the mean of the other
            files of its film.
        store: cache that keeps the figures for the next run on the same table.
    """
    files = [record for record in records if record.path in facts]
    everything = build_table(files, facts, markings)
    table = everything.take(choose_files(files, seed))
    classes = order_classes(record.label for record in table.records)
    if len(classes) < 2:
        return None
    figures = _score_kinds(table, seed) if store is None else _cached_scores(store, table, seed)
    used = {film_of(record) for record in table.records}
    return Baseline(
        figures=figures,
        verdict=decisive(figures).verdict,
        n_films=len(used),
        n_groups=len({group for _, group, _ in used}),
        n_left_out=len({film_of(record) for record in files} - used),
    )


def _score_kinds(table: Table, seed: int) -> tuple[KindScore, ...]:
    complete = [values for values in table.kinds.values() if not np.isnan(values).all(axis=1).any()]
    all_kinds = Table(table.records, {ALL: np.concatenate(complete, axis=1)})
    return tuple(_score_kind(part, kind, seed) for part in (all_kinds, table) for kind in part.kinds)


def _cached_scores(store: Store, table: Table, seed: int) -> tuple[KindScore, ...]:
    """Return the scores of an earlier run on the same table, or compute and keep them."""
    rows = repr([(record.path, *film_of(record)) for record in table.records])
    settings = repr((BASELINE_VERSION, __version__, FOLDS, REPEATS, TREES, LEAF, seed))
    texts = [text.encode("utf-8", "surrogateescape") for text in (settings, rows, *table.kinds)]
    key = hashlib.sha256(b"\n".join([*texts, *(values.tobytes() for values in table.kinds.values())])).hexdigest()
    cached = store.figures(key)
    if cached is not None:
        return tuple(KindScore.model_validate(values) for values in cached)
    scores = _score_kinds(table, seed)
    store.keep_figures(key, [score.to_dict() for score in scores])
    return scores


def _score_kind(table: Table, kind: str, seed: int) -> KindScore:
    known = table.take(np.flatnonzero(~np.isnan(table.kinds[kind]).all(axis=1)).tolist())
    films = {film_of(record) for record in known.records}
    n_groups = len({group for _, group, _ in films})
    if len({label for _, _, label in films}) > 1 and (known.kinds[kind] == known.kinds[kind][0]).all():
        constant = Interval(CHANCE, CHANCE, CHANCE, n_groups)  # equal in all files
        return KindScore(kind=kind, auroc=constant, n_films=len(films), verdict=NONE)
    runs = cross_validate(known.records, known.kinds[kind], seed=seed)
    if not runs:
        undefined = Interval(np.nan, np.nan, np.nan, n_groups)
        return KindScore(kind=kind, auroc=undefined, n_films=len(films), verdict=UNDECIDED)
    auroc = interval(ranking_metric(runs[0].classes), runs, seed=seed)
    return KindScore(kind=kind, auroc=auroc, n_films=len(films), verdict=verdict_of(auroc))


def cross_validate(records: Sequence[Record], values: Floats, *, seed: int = 0) -> list[Predictions]:
    """Predict every film from the metadata of other groups' files; return the predictions of each repeat, by film.

    Classes with a single group are left out. If fewer than two classes remain, the list is empty.

    Args:
        values: metadata, (N, columns).
    """
    groups = Counter(label for label, _ in {(r.label, r.group) for r in records})
    classes = order_classes(label for label, count in groups.items() if count > 1)
    if len(classes) < 2:
        return []
    folds = min(FOLDS, *(groups[label] for label in classes))
    rows = [i for i, record in enumerate(records) if record.label in classes]
    chosen = [records[i] for i in rows]
    return [_predict_films(chosen, values[rows], classes, folds, seed + repeat) for repeat in range(REPEATS)]


def _predict_films(
    records: Sequence[Record], values: Floats, classes: tuple[str, ...], folds: int, seed: int
) -> Predictions:
    from sklearn.ensemble import ExtraTreesClassifier

    labels = np.array([classes.index(record.label) for record in records])
    fold, weights = _assign_folds(records, folds, seed), _film_weights(records)
    # The trees draw thresholds uniformly between the smallest and largest value; ranks keep outliers from mattering.
    ranks = rankdata(values, axis=0)
    probabilities = np.zeros((len(records), len(classes)))
    for number in range(folds):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        forest = ExtraTreesClassifier(TREES, min_weight_fraction_leaf=LEAF, random_state=seed)
        forest.fit(ranks[train], labels[train], sample_weight=weights[train] / _class_totals(labels, weights, train))
        if len(test):
            probabilities[np.ix_(test, forest.classes_)] = np.round(forest.predict_proba(ranks[test]), 9)
    return Predictions(
        classes,
        tuple(record.path for record in records),
        labels,
        probabilities,
        tuple(record.film for record in records),
        tuple(record.group for record in records),
        fold,
    ).by_film()


def _assign_folds(records: Sequence[Record], folds: int, seed: int) -> Ints:
    """Return the fold of each file, (N,): groups stay whole, and each class's films are spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    films = sorted({(record.group, record.label, record.film) for record in records})
    groups, labels = [group for group, _, _ in films], [label for _, label, _ in films]
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(films, labels, groups)
    fold = {groups[i]: number for number, (_, test) in enumerate(parts) for i in test}
    return np.array([fold[record.group] for record in records], np.int64)


def _film_weights(records: Sequence[Record]) -> Floats:
    """Return the weight of each file, (N,): 1 / number of its film's files, so that every film counts as one."""
    copies = Counter(map(film_of, records))
    return np.array([1 / copies[film_of(record)] for record in records])


def _class_totals(labels: Ints, weights: Floats, rows: Ints) -> Floats:
    """Return, for each row, the total weight of its class, to weight classes equally.

    Otherwise the class frequencies of a training fold would leak into its predictions.
    """
    totals = np.asarray(np.bincount(labels[rows], weights[rows]), float)
    return totals[labels[rows]]
