"""DeLong's test compared with published results and with the bootstrap."""

import math

import numpy as np
import pytest

from fxkit.metrics.significance import delong, delong_p

# Data of DeLong 1988: albumin, total protein, K-G score and outcome of 49 patients with ovarian cancer. Published with
# results in the SAS/STAT documentation of PROC LOGISTIC, "Comparing Receiver Operating Characteristic Curves".
DATA = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1 3.7 6.7 6 1
3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1
3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1
3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""


def test_auroc_standard_errors_and_p_values_match_published_ones() -> None:
    albumin, protein, score, outcome = np.array(DATA.split(), float).reshape(-1, 4).T
    positive = outcome == 1
    areas, covariance = delong(positive, np.stack([albumin, 10 - score, protein]))
    assert areas == pytest.approx([0.7366, 0.7258, 0.6478], abs=5e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([0.0927, 0.1028, 0.1000], abs=5e-5)
    assert delong_p(positive, albumin, 10 - score) == pytest.approx(0.9102, abs=5e-5)
    assert delong_p(positive, protein, 10 - score) == pytest.approx(0.4561, abs=5e-5)


def test_the_variance_of_the_difference_matches_the_bootstrap() -> None:
    from fxkit.metrics.ranking import weighted_auroc
    from fxkit.metrics.resamples import resampled_weights

    rng = np.random.default_rng(0)
    positive = np.arange(200) % 2 == 0
    a = positive + rng.normal(size=200)
    b = (a + rng.normal(size=200)).round(1)
    _, covariance = delong(positive, np.stack([a, b]))
    weights = np.concatenate(list(resampled_weights(tuple(map(str, range(200))), 4000, 0)))
    spread = weighted_auroc(weights, positive, a) - weighted_auroc(weights, positive, b)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert spread.var() == pytest.approx(variance, rel=0.1)


def test_equal_scores_have_p_1_and_a_single_film_of_a_class_has_no_p() -> None:
    positive, a = np.array([True, True, False, False]), np.array([0.9, 0.3, 0.5, 0.1])
    assert delong_p(positive, a, a) == 1.0
    assert math.isnan(delong_p(positive[1:], a[1:], a[1:]))
    assert math.isnan(delong_p(positive, np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1])))
