"""All questions, and what follows from the answers: may the score be believed, for what, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from fxkit.audit.data_questions import ask_initialisation, ask_leak, ask_metadata, ask_selection, ask_size
from fxkit.audit.evidence import Evidence
from fxkit.audit.rules import Answer, Colour
from fxkit.audit.score_questions import ask_calibration, ask_external, ask_markers, ask_score, ask_subgroups

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
)

CORE = ("score", "leak", "size", "markers", "metadata", "selection", "initialisation")  # without them no score stands

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
    "initialisation": "what training started from",
}


ELSEWHERE: dict[Colour, str] = {
    "green": "films such as the tested ones, and those of the other data",
    "amber": "films such as the tested ones; for films from elsewhere it isn't settled",
    "red": "films such as the tested ones only; on other data it falls",
    "grey": "films such as the tested ones; for films from elsewhere it isn't tested",
}


@dataclass(frozen=True)
class Verdict:
    """What follows from all answers.

    Attributes:
        colour: green only where every core question is.
        may_be_believed: the sentence on top.
        scope: for what films and uses.
        missing: what was not tested; "" where nothing is.
    """

    colour: Colour
    may_be_believed: str
    scope: str
    missing: str


def ask_all(e: Evidence) -> tuple[Answer, ...]:
    """Return the answers in the page's order."""
    return tuple(ask(e) for ask in QUESTIONS)


def conclude(answers: Sequence[Answer]) -> Verdict:
    """Return what follows from all answers together."""
    colours: dict[str, Colour] = {answer.key: answer.colour for answer in answers}
    colour, sentence = _believe([answer for answer in answers if answer.key in CORE], colours["score"])
    missing = _topics(answers, "grey")
    return Verdict(colour, sentence, _scope(colour, colours), f"Not tested: {missing}." if missing else "")


def _believe(core: Sequence[Answer], score: Colour) -> tuple[Colour, str]:
    red, amber, grey = (_topics(core, colour) for colour in ("red", "amber", "grey"))
    if score == "grey":
        return "grey", "There is no score yet: the run was not evaluated."
    if red:
        return "red", f"The score may not be believed; what fails: {red}."
    if amber or grey:
        because = [f"with care: {amber}"] if amber else []
        because += [f"not tested: {grey}"] if grey else []
        return "amber", f"The score may be believed with care only ({'; '.join(because)})."
    return "green", "The score may be believed."


def _topics(answers: Sequence[Answer], colour: str) -> str:
    return ", ".join(TOPICS[answer.key] for answer in answers if answer.colour == colour)


def _scope(whole: Colour, colours: dict[str, Colour]) -> str:
    """Say for which films and uses the score speaks."""
    if whole in ("red", "grey"):
        return "Until then it speaks for nothing. A research tool: no diagnosis."
    use = "ranking and probabilities" if colours["calibration"] == "green" else "ranking, not for its probabilities"
    parts = "" if colours["subgroups"] == "green" else "; of all films together, not of each kind of film"
    return f"It speaks for {use}; of {ELSEWHERE[colours['external']]}{parts}. A research tool: no diagnosis."
