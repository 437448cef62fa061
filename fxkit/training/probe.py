"""Linear probe: the head fitted at once to a frozen backbone's features, to the optimum of a penalised likelihood.

A head trained in steps on few films stops where its rates and epochs end; this one has neither.
"""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn

from fxkit.config import Config
from fxkit.data.dataset import build_loader
from fxkit.errors import ConfigError
from fxkit.models.classifier import Classifier
from fxkit.training.feature_cache import extract
from fxkit.training.films import Films

Floats = NDArray[np.float64]

ITERATIONS = 1000


def fit_head(features: Floats, labels: NDArray[np.int64], *, penalty: float, balanced: bool) -> tuple[Floats, Floats]:
    """Return weights (C, D) and biases (C,) of the linear head that minimises the penalised cross-entropy.

    That is mean(w * cross-entropy) + penalty / 2 * |weights|^2 on features of mean 0 and variance 1; the result is for
    features as they come. Of two classes one direction is fitted, half of it for each logit, with opposite signs.

    Args:
        features: (N, D), of every class some.
        labels: (N,) class indices from 0.
        penalty: above 0; it does not depend on N. For 1,000 features 0.1 is weak and 10 strong.
        balanced: w is inverse to each class's share; otherwise 1.
    Source: le Cessie and van Houwelingen 1992, "Ridge estimators in logistic regression".
    """
    mean, spread = features.mean(0), features.std(0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(
        C=1 / (penalty * len(labels)), class_weight="balanced" if balanced else None, max_iter=ITERATIONS
    )
    model.fit((features - mean) / spread, labels)
    weights, biases = model.coef_ / spread, model.intercept_
    if len(weights) == 1:
        weights, biases = np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
    return weights, biases - weights @ mean


def fit_probe(classifier: Classifier, films: Films, passes: int) -> None:
    """Fit the classifier's head to the training films, in place; the backbone stays as it is.

    Args:
        classifier: with a linear head, on the device to use.
        passes: how often films are seen; first as they are, then augmented anew in each pass.
    """
    parts = [films.training_part("head", epoch) for epoch in (None, *range(passes - 1))]
    features = [extract(classifier.backbone, build_loader(part, films.config.data)) for part in parts]
    labels = [part.class_index[record.label] for part in parts for record in part.records]
    optim = films.config.optim
    weights, biases = fit_head(
        np.concatenate(features).astype(np.float64),
        np.array(labels, np.int64),
        penalty=optim.probe_penalty,
        balanced=optim.class_weights,
    )
    last = cast(nn.Linear, classifier.head[-1])
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weights))
        last.bias.copy_(torch.from_numpy(biases))


def check_probe(config: Config) -> None:
    """Raise ConfigError where a probe is asked for, but the head has a hidden layer."""
    if config.optim.head == "probe" and config.model.hidden:
        raise ConfigError(
            f"optim.head = probe: model.hidden = {config.model.hidden}; expected a linear head: set model.hidden=0"
        )
