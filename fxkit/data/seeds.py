"""Seeds for random numbers that belong to a film, an epoch or a trial."""

import numpy as np


def mix_seed(*numbers: int) -> int:
    """Combine several numbers into one 32-bit seed; similar numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
