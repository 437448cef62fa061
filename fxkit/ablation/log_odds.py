"""Whether the markers speak for a film's own class: what erasing them takes from its log-odds."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logit
from scipy.stats import permutation_test

from fxkit.ablation.result import Contrast
from fxkit.group_means import mean_interval
from fxkit.predictions import Predictions
from fxkit.scores import Floats

FLIPS = 4999
SMALLEST = 1e-6  # probabilities of single precision can be 0 or 1


def log_odds_lost(key: str, text: str, kept: Sequence[Predictions], erased: Sequence[Predictions]) -> Contrast:
    """Return the log-odds that films lose for their own class when their markers are erased.

    What erasing does to all films alike is taken off: for each class the midpoint of what it does to the classes'
    films. So the value is above 0 where a film's own markers speak for its class more than other classes' films'
    markers do. It tells far smaller reliance than a difference of two AUROCs, which counts only films that change
    places; but it does not tell whether that matters to the score.

    p is one-sided: the share of flips of the signs of whole groups that leave as great a value, since without reliance
    a group is as likely to lose as to gain.

    Args:
        kept, erased: predictions by film of the same models, one a seed or division into folds; log-odds are averaged.
    Source: Winkler et al. 2014, "Permutation inference for the general linear model" (sign flips of whole blocks).
    """
    change = np.mean([_log_odds(k) - _log_odds(e) for k, e in zip(kept, erased, strict=True)], axis=0)
    films = kept[0]
    members = np.eye(len(films.classes))[films.labels]
    shares = members / members.sum(axis=0)  # (N, C), of a film's own class: all classes weigh the same
    alike = (shares.T @ change).mean(axis=0)
    own = ((change - alike) * shares).sum(axis=1) * len(films) / len(films.classes)
    found = mean_interval(own, films.groups)
    _, group = np.unique(np.asarray(films.groups, object).astype(str), return_inverse=True)
    flipped = permutation_test(
        (np.bincount(group, own),),
        np.sum,
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        batch=100,
        alternative="greater",
        random_state=0,
    )
    return Contrast(key, text, found.value, found.low, found.high, float(flipped.pvalue))


def _log_odds(predictions: Predictions) -> Floats:
    return np.asarray(logit(np.clip(predictions.probabilities, SMALLEST, 1 - SMALLEST)))
