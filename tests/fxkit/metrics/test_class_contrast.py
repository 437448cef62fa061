"""The contrast of classes: its value, its interval, and how often p is small without an effect."""

import numpy as np
import pytest

from fxkit.metrics.class_contrast import class_contrast


def two_classes(change: np.ndarray) -> np.ndarray:
    return np.stack([-change, change], axis=1)


def test_two_classes_give_half_the_difference_of_their_means() -> None:
    change, labels = np.array([1.0, 3.0, 5.0, 0.0, 1.0, 2.0]), np.array([1, 1, 1, 0, 0, 0])
    interval, p = class_contrast(two_classes(change), labels, list("abcdef"))
    assert interval.value == pytest.approx(1.0)
    standard = np.sqrt(change[:3].var(ddof=1) / 3 + change[3:].var(ddof=1) / 3) / 2
    freedom = 25 / (16 / 2 + 1 / 2)  # Welch: variances of 4 and 1
    assert interval.high - interval.value == pytest.approx(2.9 * standard, rel=0.15)
    assert 2.9 < freedom < 3.0
    assert 0.05 < p < 0.2


def test_the_order_of_the_films_does_not_change_the_result() -> None:
    rng = np.random.default_rng(0)
    change, labels = rng.normal(size=30), np.arange(30) % 2
    groups = [f"p{i // 3}" for i in range(30)]  # all groups have films of both classes
    order = rng.permutation(30)
    first, p = class_contrast(two_classes(change), labels, groups)
    second, other = class_contrast(two_classes(change[order]), labels[order], [groups[i] for i in order])
    assert second.high == pytest.approx(first.high)
    assert other == pytest.approx(p, abs=0.03)


def test_a_class_of_a_single_group_has_no_finite_interval() -> None:
    interval, p = class_contrast(two_classes(np.arange(6.0)), np.array([0, 0, 0, 0, 1, 1]), list("abcdee"))
    assert interval.low == -np.inf
    assert p >= 0.15  # the odd group is one of five


@pytest.mark.parametrize("kind", ["normal", "sparse", "uneven"])
def test_without_an_effect_p_is_small_at_the_nominal_rate(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 9 groups in a class; "uneven" doubles the spread of that class."""
    monkeypatch.setattr("fxkit.metrics.class_contrast.PERMUTATIONS", 199)
    rng = np.random.default_rng(4)
    small = 0
    for _ in range(400):
        sizes = rng.integers(1, 5, 39)
        member = np.repeat(np.arange(39), sizes)
        labels = (member < 9).astype(int)
        noise = [rng.normal(size=n)[m] for n, m in ((39, member), (len(member), np.arange(len(member))))]
        if kind == "sparse":
            noise = [(rng.random(len(member)) < 0.3) * rng.exponential(1, len(member)) * np.ones(39)[member]]
        change = sum(noise) * np.where((labels == 1) & (kind == "uneven"), 2.0, 1.0)
        small += class_contrast(two_classes(-change), labels, member.astype(str).tolist())[1] <= 0.05
    assert 4 <= small <= 29  # 1 to 7.2 %
