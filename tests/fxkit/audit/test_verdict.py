import pytest

from fxkit.audit.rules import LOOKS, RULES, Answer
from fxkit.audit.verdict import CORE, QUESTIONS, TOPICS, ask_all, conclude


def answers(**colours):
    return [Answer(key, f"{key}?", colours.get(key, "green"), "because") for key in RULES]


def test_every_question_has_a_rule_a_topic_and_a_place(make_run):
    from fxkit.audit.evidence import read_evidence

    keys = [answer.key for answer in ask_all(read_evidence(make_run()))]
    assert len(keys) == len(QUESTIONS)
    assert set(keys) == set(RULES) == set(TOPICS)
    assert set(CORE) < set(RULES)


def test_colours_differ_in_word_and_sign():
    assert len({look.word for look in LOOKS.values()}) == len({look.sign for look in LOOKS.values()}) == 4


def test_all_green_may_be_believed():
    found = conclude(answers())
    assert (found.colour, found.may_be_believed, found.missing) == ("green", "The score may be believed.", "")
    assert "ranking and probabilities; of films such as the tested ones, and those of the other data." in found.scope


@pytest.mark.parametrize("key", CORE)
def test_a_core_question_that_fails_fails_the_score(key):
    found = conclude(answers(**{key: "red"}))
    assert found.colour == "red"
    assert found.may_be_believed == f"The score may not be believed; what fails: {TOPICS[key]}."


@pytest.mark.parametrize("key", sorted(set(CORE) - {"score"}))
def test_without_a_core_question_the_score_is_believed_with_care(key):
    found = conclude(answers(**{key: "grey"}))
    assert found.colour == "amber"
    assert found.may_be_believed == f"The score may be believed with care only (not tested: {TOPICS[key]})."
    assert found.missing == f"Not tested: {TOPICS[key]}."


def test_other_questions_narrow_what_it_speaks_for():
    found = conclude(answers(external="red", calibration="amber", subgroups="grey"))
    assert found.colour == "green"
    assert "ranking, not for its probabilities" in found.scope
    assert "on other data it falls" in found.scope
    assert "not of each kind of film" in found.scope
    assert found.missing == "Not tested: subgroups."


def test_without_a_score_there_is_nothing_to_believe():
    found = conclude(answers(score="grey", leak="red"))
    assert (found.colour, found.may_be_believed) == ("grey", "There is no score yet: the run was not evaluated.")
