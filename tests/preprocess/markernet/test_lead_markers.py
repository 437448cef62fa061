import numpy as np

from preprocess.markernet.lead_markers import choose_lead_density


def test_some_lead_letters_are_faint_and_most_are_dense() -> None:
    densities = [choose_lead_density(np.random.default_rng(seed)) for seed in range(400)]
    assert 0.08 < np.mean(np.array(densities) < 1) < 0.25
