"""Confident learning finds flipped labels, and its thresholds and suspects are those of the definition."""

import numpy as np
import pytest

from fxkit.metrics.label_errors import score_labels


def joint_by_hand(labels, p):
    """Return the scaled confident joint by the definition, film by film."""
    classes = range(p.shape[1])
    limits = [np.mean([p[n, k] for n in range(len(labels)) if labels[n] == k]) for k in classes]
    joint = np.zeros((len(classes), len(classes)))
    for label, row in zip(labels, p, strict=True):
        reached = [k for k in classes if row[k] >= limits[k]]
        if reached:
            joint[label, max(reached, key=lambda k: row[k])] += 1
    return np.array([joint[k] / joint[k].sum() * sum(labels == k) for k in classes])


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_joint_and_the_suspected_films_are_those_of_the_definition(classes: int) -> None:
    rng = np.random.default_rng(classes)
    labels, p = rng.integers(0, classes, 200), rng.dirichlet(np.ones(classes), 200)
    scores, joint = score_labels(labels, p), joint_by_hand(labels, p)
    assert scores.joint == pytest.approx(joint)
    expected = set()
    for label in range(classes):
        films = [n for n in range(200) if labels[n] == label]
        for other in set(range(classes)) - {label}:
            ordered = sorted(films, key=lambda n: p[n, label] - p[n, other])
            expected |= set(ordered[: round(joint[label, other])])
    expected = {n for n in expected if p[n].argmax() != labels[n]}
    assert set(np.flatnonzero(scores.suspected)) == expected
    assert (scores.suggested != labels).all()


def test_flipped_labels_come_first() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 100)
    flipped = np.zeros(200, bool)
    flipped[rng.permutation(200)[:20]] = True
    positive = np.clip(np.where(truth == 1, 0.9, 0.1) + rng.normal(0, 0.05, 200), 0, 1)
    scores = score_labels(np.where(flipped, 1 - truth, truth), np.stack([1 - positive, positive], axis=1))
    assert flipped[scores.ranking[:20]].all()
    assert scores.suspected.tolist() == flipped.tolist()


def test_the_score_is_the_normalised_margin() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.05, 0.9, 0.05]])
    scores = score_labels(np.array([0, 1, 2, 0]), p)
    assert scores.thresholds == pytest.approx([0.375, 0.6, 0.6])
    assert scores.scores == pytest.approx([0.5, 0.3, 0.4, -0.85])
    assert scores.ranking.tolist() == [3, 1, 2, 0]
    assert scores.suspected.tolist() == [False, False, False, True]


def test_a_class_that_no_label_names_has_no_films_in_the_joint() -> None:
    scores = score_labels(np.array([0, 1, 0]), np.array([[0.0, 0.0, 1.0], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]))
    assert np.isnan(scores.thresholds[2])
    assert scores.joint[:, 2].tolist() == [0, 0, 0]
