"""Synthetic predictions with known properties."""

import numpy as np
from scipy import stats

from fxkit.metrics.predictions import Predictions


def binary(labels, positive, groups=None, films=None) -> Predictions:
    positive = np.asarray(positive, float)
    n = len(positive)
    groups = [f"g{i}" for i in range(n)] if groups is None else [str(g) for g in groups]
    return Predictions(
        classes=("intact", "fractured"),
        paths=tuple(f"{i}.png" for i in range(n)),
        labels=np.asarray(labels),
        probabilities=np.stack([1 - positive, positive], axis=1).reshape(-1, 2),
        films=tuple(groups if films is None else [str(f) for f in films]),
        groups=tuple(groups),
    )


def clustered(rng, groups: int, each: int, shift: float, share: float = 0.6) -> Predictions:
    """Make groups of one class each; a share of the variance of their scores is common to the group."""
    members = np.repeat(np.arange(groups), each)
    labels = members % 2
    noise = np.sqrt(share) * rng.normal(size=groups)[members]
    noise += np.sqrt(1 - share) * rng.normal(size=len(members))
    return binary(labels, stats.norm.cdf(shift * (labels - 0.5) + noise), members)
