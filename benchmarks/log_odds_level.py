"""Measure how often the one-sided p of lost log-odds is at most 0.05 although no class is favoured.

    python benchmarks/log_odds_level.py [REPETITIONS]

Prints the share for "the markers support the class" and for the opposite, in percent, for groups of each class, sizes
of groups (unequal: one has 40 % of its class), and changes of the log-odds: normal; sparse (most are 0, the others
skewed); uneven (the rarer class varies twice as much); mixed (groups have films of both classes).
"""

import sys

import numpy as np

from fxkit.metrics import class_contrast as module
from fxkit.metrics.class_contrast import class_contrast


def draw(rng: np.random.Generator, groups: tuple[int, int], unequal: bool, kind: str) -> tuple[np.ndarray, ...]:
    sizes = rng.integers(1, 4, sum(groups))
    if unequal:
        sizes[0] = max(2, round(0.4 / 0.6 * sizes[1 : groups[0]].sum()))
    member = np.repeat(np.arange(len(sizes)), sizes)
    labels = (member < groups[0]).astype(int)
    parts = [np.arange(len(member)), member]
    if kind == "sparse":
        change = sum((rng.random(len(member)) < 0.3) * rng.exponential(1, len(member))[part] for part in parts)
    else:
        change = sum(rng.normal(size=len(member))[part] for part in parts)
    if kind == "uneven":
        change = change * np.where(labels == 1, 2, 1)
    if kind == "mixed":
        labels = (rng.random(len(member)) < 0.1 + 0.8 * labels).astype(int)
    return change, labels, member


def main(repetitions: int) -> None:
    module.PERMUTATIONS = 199
    print("groups    largest  " + "  ".join(f"{kind:>12}" for kind in ("normal", "sparse", "uneven", "mixed")))
    for groups in ((9, 9), (9, 30), (30, 9), (5, 20), (20, 20)):
        for unequal in (False, True):
            shown = []
            for kind in ("normal", "sparse", "uneven", "mixed"):
                rng, small = np.random.default_rng(0), np.zeros(2)
                for _ in range(repetitions):
                    change, labels, member = draw(rng, groups, unequal, kind)
                    for i, sign in enumerate((1, -1)):
                        both = np.stack([-sign * change, sign * change], axis=1)
                        small[i] += class_contrast(both, labels, member.astype(str).tolist())[1] <= 0.05
                shown.append("{:5.1f} {:5.1f} ".format(*(100 * small / repetitions)))
            print(f"{groups!s:<10}{'40 %' if unequal else 'similar':<9}" + "  ".join(shown), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
