"""Linear probe: fit the head to features of the frozen backbone by penalised maximum likelihood.

A head that is trained in steps on few films depends on learning rates and on the number of epochs; a probe does not.
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from fxkit.config import Config
from fxkit.data.dataset import build_loader
from fxkit.errors import ConfigError
from fxkit.models.classifier import Classifier
from fxkit.training.feature_cache import extract
from fxkit.training.films import Films

Floats = NDArray[np.float64]

ITERATIONS = 2000  # at most


def fit_logistic(
    features: NDArray[Any], labels: NDArray[np.int64], *, c: float, balanced: bool, weights: Floats | None = None
) -> Pipeline:
    """Fit a logistic regression with an L2 penalty to standardised features.

    Args:
        features: (N, D) float32 or float64; every class occurs.
        labels: (N,) class indices from 0.
        c: inverse strength of the penalty, above 0.
        balanced: weight the classes inversely to their frequency.
        weights: (N,) sample weights; None: all 1. The standardisation ignores them.
    """
    class_weight = "balanced" if balanced else None
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=c, class_weight=class_weight, max_iter=ITERATIONS))
    return pipeline.fit(features, labels, logisticregression__sample_weight=weights)


def fit_head(features: Floats, labels: NDArray[np.int64], *, penalty: float, balanced: bool) -> tuple[Floats, Floats]:
    """Return weights (C, D) and biases (C,) of the linear head that minimises the penalised cross-entropy.

    The loss is mean(w * cross-entropy) + penalty / 2 * |weights|^2 on standardised features. The returned weights
    apply to the features before standardisation. For two classes one direction is fitted; each of the two logits gets
    half of it, with opposite signs.

    Args:
        features: (N, D); every class occurs.
        labels: (N,) class indices from 0.
        penalty: above 0; its effect does not depend on N. For 1,000 features 0.1 is weak and 10 strong.
        balanced: w is inverse to the class frequency; otherwise 1.
    Source: le Cessie and van Houwelingen 1992, "Ridge estimators in logistic regression".
    """
    scaler, model = fit_logistic(features, labels, c=1 / (penalty * len(labels)), balanced=balanced)
    weights, biases = model.coef_ / scaler.scale_, model.intercept_
    if len(weights) == 1:
        weights, biases = np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
    return weights, biases - weights @ scaler.mean_


def fit_probe(classifier: Classifier, films: Films, passes: int) -> None:
    """Fit the head of the classifier to the training films, in place; the backbone is not changed.

    Args:
        classifier: a classifier with a linear head, on the device to use.
        passes: number of passes over the films; the first is without augmentation, each further one with a new one.
    """
    parts = [films.training_dataset("head", epoch) for epoch in (None, *range(passes - 1))]
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
    """Raise ConfigError if the settings request a probe, but the head has a hidden layer."""
    if config.optim.head == "probe" and config.model.hidden:
        raise ConfigError(
            f"optim.head = probe: model.hidden = {config.model.hidden}; expected a linear head: set model.hidden=0"
        )
