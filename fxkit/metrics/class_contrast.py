"""Does a change of the log-odds favour the true class? A mean over classes, with its interval and one-sided p."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fxkit.metrics.intervals import LEVEL, Interval
from fxkit.metrics.scores import Floats, Ints

PERMUTATIONS = 4999  # random ones, for the p value

CHUNK = 1_000_000  # labels in memory at once


@dataclass(frozen=True)
class _Estimate:
    """The contrast for B labellings of the films, with its variance over groups, (B,) each, and degrees of freedom."""

    value: Floats
    variance: Floats
    freedom: Floats

    @property
    def t(self) -> Floats:
        return np.asarray(self.value / np.sqrt(np.maximum(self.variance, 1e-300)))


def class_contrast(change: Floats, labels: Ints, groups: Sequence[str], *, seed: int = 0) -> tuple[Interval, float]:
    """Return by how much the films of a class differ in the change for that class, averaged over classes, and its p.

    For a film, the change for a class counts minus its mean over all classes. With two classes the contrast is half the
    difference of the classes' mean changes, in log-odds of one class.

    The interval has t limits: each class has the variance over its groups (CR2 of Bell and McCaffrey 2002, "Bias
    reduction in standard errors for linear regression with multi-stage samples"), and the degrees of freedom are those
    of Welch 1947, "The generalization of 'Student's' problem when several different population variances are involved",
    with the effective number of groups of each class.

    p is one-sided, the larger one of two, because each fails where the other holds. The t test fails with few groups
    and skewed changes. The permutation test of the same t (Janssen 1997, "Studentized permutation tests for non-i.i.d.
    hypotheses and the generalized Behrens-Fisher problem") is exact if the class does not matter at all, but rejects
    too often if a class with few groups varies more than the others. Permuted are the classes of whole groups, and of
    the films within groups that have several classes.

    Args:
        change: (N, C) change of the log-odds of each class.
        labels: (N,) class of each film; each class occurs.
        groups: (N,) group of each film.
    """
    _, member = np.unique(np.asarray(groups, object).astype(str), return_inverse=True)
    order = np.argsort(member, kind="stable")
    part, labels, member = change[order] - change[order].mean(axis=1, keepdims=True), labels[order], member[order]
    observed = _estimate(part, labels[None], member)
    chunks = _permuted(labels, member, seed)
    as_large = sum(int((_estimate(part, chunk, member).t >= observed.t[0] - 1e-9).sum()) for chunk in chunks)
    p = (1 + as_large) / (1 + PERMUTATIONS)
    value, variance, freedom = (float(x[0]) for x in (observed.value, observed.variance, observed.freedom))
    half = math.inf
    if freedom > 0:
        p = max(p, float(stats.t.sf(observed.t[0], freedom)))
        half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.sqrt(variance)
    return Interval(value, value - half, value + half, int(member[-1]) + 1, 0, len(labels)), p


def _estimate(part: Floats, labels: Ints, member: Ints) -> _Estimate:
    """Return the contrast for each row of labels (B, N); freedom is 0 if a class has a single group.

    Args:
        part: (N, C) change of each class minus the mean over classes, sorted by group.
        member: (N,) number of the group, ascending.
    """
    n_classes, starts = part.shape[1], np.flatnonzero(np.diff(member, prepend=-1))
    value, residual, squares = np.zeros(len(labels)), np.zeros((len(labels), len(starts))), np.zeros(len(labels))
    spread, known = np.zeros(len(labels)), np.ones(len(labels), bool)
    for k in range(n_classes):
        is_class = (labels == k).astype(float)
        n = np.maximum(is_class.sum(axis=1), 1)
        mean = is_class @ part[:, k] / n
        share = np.add.reduceat(is_class, starts, axis=1) / n[:, None]
        parts = np.add.reduceat(is_class * part[:, k], starts, axis=1) / n[:, None] - share * mean[:, None]
        parts /= np.sqrt(np.maximum(1 - share, 1e-9)) * n_classes
        variance, effective = (parts**2).sum(axis=1), 1 / np.maximum((share**2).sum(axis=1), 1e-12)
        value, residual, spread = value + mean / n_classes, residual + parts, spread + variance
        squares += variance**2 / np.maximum(effective - 1, 1e-9)
        known &= effective > 1 + 1e-9
    freedom = np.where(known, spread**2 / np.maximum(squares, 1e-300), 0.0)
    return _Estimate(value, (residual**2).sum(axis=1), np.where(known & (spread == 0), 1.0, freedom))


def _permuted(labels: Ints, member: Ints, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield chunks (b, N) of labels that are permuted among groups of one class, and within groups of several."""
    rng, n_groups = np.random.default_rng(seed), int(member[-1]) + 1
    low, high = np.full(n_groups, labels.max()), np.zeros(n_groups, np.int64)
    np.minimum.at(low, member, labels)
    np.maximum.at(high, member, labels)
    pure = np.flatnonzero(low == high)
    mixed = [np.flatnonzero(member == group) for group in np.flatnonzero(low != high)]
    size = max(1, CHUNK // len(labels))
    for start in range(0, PERMUTATIONS, size):
        rows = min(size, PERMUTATIONS - start)
        of_group = np.tile(low, (rows, 1))
        of_group[:, pure] = rng.permuted(of_group[:, pure], axis=1)
        chunk = of_group[:, member]
        for films in mixed:
            chunk[:, films] = rng.permuted(np.tile(labels[films], (rows, 1)), axis=1)
        yield chunk
