"""All questions, and what follows from the answers: may the score be believed, for what, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from fxkit.audit.about_films import ask_initialisation, ask_leak, ask_metadata, ask_selection, ask_size
from fxkit.audit.about_scores import ask_calibration, ask_external, ask_markers, ask_score, ask_subgroups
from fxkit.audit.answer import Answer
from fxkit.audit.evidence import Evidence
from fxkit.audit.rules import Colour

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


@dataclass(frozen=True)
class Verdict:
    """Attributes:
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
    core = [answer for answer in answers if answer.key in CORE]
    colours: dict[str, Colour] = {answer.key: answer.colour for answer in answers}
    red, amber, grey = (_topics(core, colour) for colour in ("red", "amber", "grey"))
    colour: Colour = "red" if red else "amber" if amber or grey else "green"
    because = "; ".join(part for part in (amber and f"with care: {amber}", grey and f"not tested: {grey}") if part)
    sentences: dict[Colour, str] = {
        "red": f"The score may not be believed: {red} failed.",
        "amber": f"The score may be believed with care only ({because}).",
        "green": "The score may be believed.",
    }
    if "score" in colours and colours["score"] == "grey":
        colour, sentences = "grey", {"grey": "There is no score yet: the run was not evaluated."}
    missing = _topics(answers, "grey")
    return Verdict(colour, sentences[colour], _scope(colours), f"Not tested: {missing}." if missing else "")


def _topics(answers: Sequence[Answer], colour: str) -> str:
    return ", ".join(TOPICS[answer.key] for answer in answers if answer.colour == colour)


def _scope(colours: dict[str, Colour]) -> str:
    """Say for which films and uses the score speaks, if it may be believed."""
    films = (
        "films such as the tested ones and the other data"
        if colours["external"] == "green"
        else ("films such as the tested ones; for films from elsewhere it isn't shown")
    )
    use = "ranking and probabilities" if colours["calibration"] == "green" else "ranking; not for its probabilities"
    parts = "" if colours["subgroups"] == "green" else ", and for all films together, not for each kind of film"
    return f"It speaks of {films}: of {use}{parts}. A research tool: no diagnosis."
