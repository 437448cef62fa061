"""Verdict of the audit: can the score be trusted, for which films and uses, and what was not tested?"""

from collections.abc import Sequence
from dataclasses import dataclass

from fxkit.audit.data_questions import ask_initialisation, ask_leak, ask_metadata, ask_selection, ask_size
from fxkit.audit.evidence import Evidence
from fxkit.audit.label_question import ask_labels
from fxkit.audit.marker_question import ask_markers
from fxkit.audit.rules import Answer, Colour
from fxkit.audit.score_questions import ask_calibration, ask_external, ask_score, ask_subgroups

QUESTIONS = (
    ask_score,
    ask_leak,
    ask_size,
    ask_markers,
    ask_metadata,
    ask_calibration,
    ask_external,
    ask_subgroups,
    ask_selection,
    ask_initialisation,
    ask_labels,
)

CORE = ("score", "leak", "size", "markers", "metadata", "selection", "initialisation")  # the verdict depends on these

TOPICS = {
    "score": "better than chance",
    "leak": "leaks",
    "size": "number of cases",
    "markers": "markers",
    "metadata": "metadata",
    "calibration": "calibration",
    "external": "other data",
    "subgroups": "subgroups",
    "selection": "choice of the model",
    "initialisation": "initial weights",
    "labels": "labels",
}

DISCLAIMER = "For research only. Do not use for diagnosis."

FILMS: dict[Colour, str] = {
    "green": "films like the tested ones and like those of the other data",
    "amber": "films like the tested ones; whether it holds for films from elsewhere is undecided",
    "red": "films like the tested ones only; it does not hold on other data",
    "grey": "films like the tested ones; films from elsewhere were not tested",
}


@dataclass(frozen=True)
class Verdict:
    """The conclusion from all answers.

    Attributes:
        colour: green only if the answers to all core questions are green.
        may_be_believed: one sentence on whether the score can be trusted.
        scope: the films and uses that the score is valid for.
        missing: the topics that were not tested; "" if all were.
    """

    colour: Colour
    may_be_believed: str
    scope: str
    missing: str


def answer_questions(evidence: Evidence) -> tuple[Answer, ...]:
    """Answer all questions, in the order of the audit page."""
    return tuple(ask(evidence) for ask in QUESTIONS)


def conclude(answers: Sequence[Answer]) -> Verdict:
    """Draw the verdict from the answers to all questions."""
    colours: dict[str, Colour] = {answer.key: answer.colour for answer in answers}
    colour, sentence = _judge_score([answer for answer in answers if answer.key in CORE], colours["score"])
    missing = _topics(answers, "grey")
    return Verdict(colour, sentence, _describe_scope(colour, colours), f"Not tested: {missing}." if missing else "")


def _judge_score(core: Sequence[Answer], score: Colour) -> tuple[Colour, str]:
    red, amber, grey = (_topics(core, colour) for colour in ("red", "amber", "grey"))
    if score == "grey":
        return "grey", "There is no score yet: the run was not evaluated."
    if red:
        return "red", f"The score cannot be trusted. Failed: {red}."
    if amber or grey:
        limits = [f"limited: {amber}"] if amber else []
        limits += [f"not tested: {grey}"] if grey else []
        return "amber", f"The score can be trusted only with caution ({'; '.join(limits)})."
    return "green", "The score can be trusted."


def _topics(answers: Sequence[Answer], colour: str) -> str:
    return ", ".join(TOPICS[answer.key] for answer in answers if answer.colour == colour)


def _describe_scope(colour: Colour, colours: dict[str, Colour]) -> str:
    """Describe the films and uses that the score is valid for."""
    if colour in ("red", "grey"):
        return f"Until this is resolved, no conclusion can be drawn from the score. {DISCLAIMER}"
    use = "ranking and for probabilities" if colours["calibration"] == "green" else "ranking but not for probabilities"
    subgroups = "" if colours["subgroups"] == "green" else " It is valid for all films together, not for each subgroup."
    return f"The score is valid for {use}, on {FILMS[colours['external']]}.{subgroups} {DISCLAIMER}"
