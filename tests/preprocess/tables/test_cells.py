"""Which cells are empty, and which are two spellings of one patient or class."""

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from preprocess.tables.cells import clean_cell, is_empty, is_no_patient, is_unknown, label_key, patient_key, read_number


@pytest.mark.parametrize("text", ["P01", " P01\t", "\u00a0P01\u200b", "\ufeffP01\u2003", '="P01"', ' ="P01 " '])
def test_signs_around_a_cell_do_not_count(text: str) -> None:
    assert clean_cell(text) == "P01"


EMPTY = ["", "nan", "NaN", "NA", "N/A", "#N/A", "<NA>", "null", "NULL", "NaT", "#REF!", "\\N"]
UNKNOWN = ["none", "None", "unknown", "UNK", "-", "--", "–", "?", ".", "n.a.", "missing", "not available", "Unbekannt"]
NO_PATIENT = ["anonymous", "ANON", "Anonymized", "de-identified", "removed", "patient ID", "xxxx"]


@pytest.mark.parametrize("text", EMPTY)
def test_what_programs_write_for_a_missing_value_is_empty(text: str) -> None:
    assert [is_empty(text), is_unknown(text), is_no_patient(text)] == [True, True, True]


@pytest.mark.parametrize("text", UNKNOWN)
def test_words_for_unknown_may_be_a_class_but_are_no_patient_and_no_site(text: str) -> None:
    assert [is_empty(text), is_unknown(text), is_no_patient(text)] == [False, True, True]


@pytest.mark.parametrize("text", NO_PATIENT)
def test_words_that_anonymising_leaves_are_no_patient(text: str) -> None:
    assert not is_unknown(text)
    assert is_no_patient(text)
    assert patient_key(text) == ""


@pytest.mark.parametrize("text", ["0", "00", "X", "anon17", "normal", "N", "+", "P-", "Nancy", "east", "nonunion"])
def test_other_words_are_values(text: str) -> None:
    assert not is_unknown(text)
    assert not is_no_patient(text)


@pytest.mark.parametrize(
    "spellings",
    [
        ["12", "12.0", "12,0", "012", "12.00", " 12", "１２", "\u200b12"],
        ["P01", "p01", "P1", "P-01", "p_01", "P 01", "P\u00a001", "P.001", "P0\u200b1"],
        ["Doe, John", "DOE^JOHN", "doe  john", "Doe_John"],
        ["1-23", "1_23", "01-23"],
        ["Émile", "E\u0301mile"],
        ["Straße 3", "STRASSE3"],
    ],
)
def test_spellings_of_one_patient_have_one_key(spellings: list[str]) -> None:
    assert len({patient_key(text) for text in spellings}) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1-23", "12-3"),
        ("12", "120"),
        ("P1", "P10"),
        ("P1", "Q1"),
        ("1.2", "12"),
        ("0", "00a"),
        ("A+", "B+"),
        ("0", ""),
    ],
)
def test_different_patients_have_different_keys(first: str, second: str) -> None:
    assert patient_key(first) != patient_key(second)


@pytest.mark.parametrize(
    "spellings",
    [
        ["Fractured", "fractured", "FRACTURED ", "\u00a0fractured"],
        ["not fractured", "Not_Fractured", "not-fractured", "not  fractured"],
        ["0", "0.0", "0.", "00"],
        ["-1", "-1.0"],
        ["True", "TRUE"],
    ],
)
def test_spellings_of_one_class_have_one_key(spellings: list[str]) -> None:
    assert len({label_key(text) for text in spellings}) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [("T1-2", "T12"), ("1", "-1"), ("fracture+", "fracture-"), ("0", "1"), ("0.5", "5"), ("A1.1", "A11"), ("none", "")],
)
def test_different_classes_have_different_keys(first: str, second: str) -> None:
    assert label_key(first) != label_key(second)


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


@example("_", " ")
@example("\uff01", "")
@given(NAMES, st.sampled_from(["", " ", "\u00a0", "\u200b", "\ufeff"]))
def test_keys_do_not_depend_on_case_space_and_unicode_form(text: str, around: str) -> None:
    assume(clean_cell(text))
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC")]
    for key in (patient_key, label_key):
        assert len({key(form) for form in [text, around + text + around, *forms]}) == 1
        assert key(text) or is_no_patient(clean_cell(text))


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 4))
def test_numbers_are_one_patient_only_if_they_are_equal(first: int, second: int, zeros: int) -> None:
    assert patient_key("0" * zeros + str(first)) == patient_key(f"{first}.0")
    assert (patient_key(str(first)) == patient_key(f"{second}.0")) == (first == second)
    assert (label_key(f"{first}.0") == label_key(str(second))) == (first == second)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("-2.5", -2.5), ("2,5", 2.5), (".5", 0.5), ("1e-3", 0.001)])
def test_numbers_have_a_point_or_a_comma(text: str, number: float) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "1_000", "1.2.3", "one", "1,2,3"])
def test_other_texts_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        read_number(text)
