import math

import pytest

from fxkit.metrics.intervals import Interval

NAN = math.nan


@pytest.mark.parametrize(
    ("interval", "text", "signed"),
    [
        (Interval(0.5, 0.25, 0.75), "0.50 (0.25 to 0.75)", "+0.50 (+0.25 to +0.75)"),
        (Interval(-0.04, -0.1, 0.02), "-0.04 (-0.10 to 0.02)", "-0.04 (-0.10 to +0.02)"),
        (Interval(0.5), "0.50", "+0.50"),
        (Interval(NAN), "undefined", "undefined"),
        (Interval(NAN, 0.1, 0.2), "undefined", "undefined"),
        (Interval(2.0, -math.inf, math.inf), "2.00 (-inf to inf)", "+2.00 (-inf to +inf)"),
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
