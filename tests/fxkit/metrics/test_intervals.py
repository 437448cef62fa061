"""The text of an interval, Wilson's limits and the effective size."""

import math

import pytest

from fxkit.metrics.intervals import Interval, Support, effective_size, wilson

NAN = math.nan


@pytest.mark.parametrize(
    ("interval", "text", "signed"),
    [
        (Interval(0.5, 0.25, 0.75), "0.50 (0.25 to 0.75)", "+0.50 (+0.25 to +0.75)"),
        (Interval(-0.04, -0.1, 0.02), "-0.04 (-0.10 to 0.02)", "-0.04 (-0.10 to +0.02)"),
        (Interval(0.5), "0.50", "+0.50"),
        (Interval(NAN), "undefined", "undefined"),
        (Interval(NAN, 0.1, 0.2), "undefined", "undefined"),
        (Interval(2.0, -math.inf, math.inf), "2.00", "+2.00"),
        (Interval(0.5, -math.inf, math.inf, n_groups=4), "0.50 (too few groups)", "+0.50 (too few groups)"),
        (Interval(12.0, 3.0, math.inf), "12.00 (3.00 to inf)", "+12.00 (+3.00 to +inf)"),
    ],
)
def test_an_interval_is_written_as_value_and_limits(interval, text, signed):
    assert interval.text == text
    assert interval.signed == signed


def test_an_interval_takes_any_number_format():
    assert f"{Interval(0.5, 0.25, 0.75):.3f}" == "0.500 (0.250 to 0.750)"
    assert f"{Interval(0.5, 0.25, 0.75):+.1%}" == "+50.0% (+25.0% to +75.0%)"
    assert f"{Interval(NAN):.1%}" == "undefined"


@pytest.mark.parametrize(
    ("interval", "drawable"),
    [
        (Interval(0.5, 0.0, 1.0), True),
        (Interval(0.5), False),
        (Interval(0.1, -0.1, 0.2), False),
        (Interval(NAN, NAN, NAN), False),
    ],
)
def test_an_interval_within_0_and_1_can_be_drawn(interval, drawable):
    assert interval.drawable == drawable


def test_wilson_limits_match_published_values():
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0 / 20, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1 / 29, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_effective_size_counts_groups_where_the_variance_is_unknown():
    assert effective_size(1.0, 0.0, Support(12, 5, 10, 60)) == 5
    assert effective_size(0.5, 0.1, Support(1, 1, 1, 60)) == 1
    independent = effective_size(0.5, 0.25 / 1000, Support(1000, 1000, 999, 1000))
    assert independent == pytest.approx(1000, rel=0.01)
