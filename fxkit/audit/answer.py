"""The answer to one question of the audit."""

from dataclasses import dataclass
from pathlib import Path

from fxkit.audit.rules import LOOKS, RULES, Colour, Look, Rule


@dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes:
        key: of its rule.
        reason: why it has this colour, in one sentence.
        facts: the figures behind it, name and text.
        files: where they were read.
        command: what would test it, or test it better; "" where nothing is left to do.
    """

    key: str
    question: str
    colour: Colour
    reason: str
    facts: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()
    command: str = ""

    @property
    def look(self) -> Look:
        return LOOKS[self.colour]

    @property
    def rule(self) -> Rule:
        return RULES[self.key]
