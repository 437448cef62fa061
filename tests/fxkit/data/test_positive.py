import pytest

from fxkit.data.positive import (
    check_order,
    choose_order,
    order_classes,
    order_classes_as_before,
    positive_class,
    positive_line,
)
from fxkit.errors import ConfigError


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["fractured", "not_fractured"], ("not_fractured", "fractured")),
        (["abnormal", "normal"], ("normal", "abnormal")),
        (["1", "0", "1"], ("0", "1")),
        (["b", "a"], ("a", "b")),
        (["not_c", "b", "a"], ("a", "b", "not_c")),
        (["a"], ("a",)),
        ([], ()),
    ],
)
def test_the_positive_of_two_classes_comes_last(labels: list[str], classes: tuple[str, ...]) -> None:
    assert order_classes(labels) == classes


def test_the_user_names_the_positive_class() -> None:
    order = choose_order(["NoFracture", "Fracture"], "NoFracture")
    assert (order.classes, order.guessed, order.warning) == (("Fracture", "NoFracture"), False, "")


def test_a_guess_says_how_to_set_the_positive_class() -> None:
    assert choose_order(["left", "right"]).warning == (
        "WARNING: positive class: right. This is a guess by alphabet: the names left and right do not say which of "
        'them is the finding. Set it with --positive "left" or --positive "right".'
    )


def test_more_than_two_classes_need_no_positive_one() -> None:
    assert choose_order(["a", "b", "c"]).warning == ""
    assert positive_class(("a", "b", "c")) == positive_line(("a", "b", "c")) == ""


def test_an_unknown_positive_class_is_refused_with_the_classes() -> None:
    with pytest.raises(ConfigError, match=r"'fractured': not one of the classes \(Fractured, normal\).*did you mean"):
        order_classes(["Fractured", "normal"], "fractured")


def test_a_positive_class_among_three_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'a': there are 3 classes \(a, b, c\); only of two .* leave out --positive"):
        order_classes(["a", "b", "c"], "a")


def test_a_run_keeps_the_positive_class_of_its_training() -> None:
    check_order(("a", "b"), "b", "runs/x")
    with pytest.raises(ConfigError, match=r"runs/x: its positive class is 'b', fixed .* train again with --positive"):
        check_order(("a", "b"), "a", "runs/x")
    with pytest.raises(ConfigError, match="not one of the classes"):
        check_order(("a", "b"), "c", "runs/x")


def test_runs_of_older_versions_keep_the_order_of_the_older_rule() -> None:
    assert order_classes_as_before(["NoFracture", "Fracture"]) == ("Fracture", "NoFracture")
    assert order_classes_as_before(["No fracture", "Fracture"]) == ("No fracture", "Fracture")


def test_a_line_break_in_a_name_stays_on_one_line() -> None:
    assert "\n" not in positive_line(("a", "b\nc"))
