"""Verdict of the audit: how the answers combine."""

import pytest

from fxkit.audit.rules import LOOKS, RULES, Answer
from fxkit.audit.verdict import CORE, QUESTIONS, TOPICS, answer_questions, conclude


def make_answers(**colours):
    return [Answer(key, f"{key}?", colours.get(key, "green"), "because") for key in RULES]


def test_every_question_has_a_rule_a_topic_and_a_place(make_run):
    from fxkit.audit.evidence import read_evidence

    keys = [answer.key for answer in answer_questions(read_evidence(make_run()))]
    assert len(keys) == len(QUESTIONS)
    assert set(keys) == set(RULES) == set(TOPICS)
    assert set(CORE) < set(RULES)


def test_colours_differ_in_word_and_sign():
    assert len({look.word for look in LOOKS.values()}) == len({look.sign for look in LOOKS.values()}) == 4


def test_a_run_that_passes_everything_can_be_trusted():
    verdict = conclude(make_answers())
    assert (verdict.colour, verdict.may_be_believed, verdict.missing) == ("green", "The score can be trusted.", "")
    assert (
        "ranking and for probabilities, on films like the tested ones and like those of the other data."
        in verdict.scope
    )


@pytest.mark.parametrize("key", CORE)
def test_a_failed_core_question_fails_the_score(key):
    verdict = conclude(make_answers(**{key: "red"}))
    assert verdict.colour == "red"
    assert verdict.may_be_believed == f"The score cannot be trusted. Failed: {TOPICS[key]}."


@pytest.mark.parametrize("key", sorted(set(CORE) - {"score"}))
def test_an_untested_core_question_gives_a_caution(key):
    verdict = conclude(make_answers(**{key: "grey"}))
    assert verdict.colour == "amber"
    assert verdict.may_be_believed == f"The score can be trusted only with caution (not tested: {TOPICS[key]})."
    assert verdict.missing == f"Not tested: {TOPICS[key]}."


def test_the_other_questions_limit_the_scope():
    verdict = conclude(make_answers(external="red", calibration="amber", subgroups="grey"))
    assert verdict.colour == "green"
    assert "ranking but not for probabilities" in verdict.scope
    assert "it does not hold on other data" in verdict.scope
    assert "not for each subgroup" in verdict.scope
    assert verdict.missing == "Not tested: subgroups."


def test_a_run_without_a_score_has_no_verdict():
    verdict = conclude(make_answers(score="grey", leak="red"))
    assert (verdict.colour, verdict.may_be_believed) == ("grey", "There is no score yet: the run was not evaluated.")
