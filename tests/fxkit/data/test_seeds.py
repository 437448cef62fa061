"""Seeds that are mixed from several numbers."""

from fxkit.data.seeds import mix_seed


def test_mixed_seeds_differ_and_repeat() -> None:
    seeds = {mix_seed(a, b, c) for a in range(4) for b in range(4) for c in range(4)}
    assert len(seeds) == 64
    assert mix_seed(1, 2, 3) in seeds
