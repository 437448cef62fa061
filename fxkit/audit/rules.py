"""The rules of the colours: every threshold of the audit, with its reason. The page shows this table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Colour = Literal["green", "amber", "red", "grey"]


@dataclass(frozen=True)
class Look:
    """How a colour is told without colour."""

    word: str
    sign: str


LOOKS: dict[Colour, Look] = {
    "green": Look("holds", "✓"),
    "amber": Look("with care", "!"),
    "red": Look("fails", "✗"),
    "grey": Look("not tested", "?"),
}


CHANCE = 0.5  # AUROC

WIDE = 0.2  # width of an AUROC's interval

FEW, ENOUGH = 30, 100  # groups of the rarest class

FAR_OFF = 0.1  # calibration error, as a probability

DROP = 0.05  # AUROC

GAP = 0.1  # of a figure between 0 and 1


@dataclass(frozen=True)
class Rule:
    """When a question turns green, amber or red; grey is what was not tested."""

    green: str
    amber: str
    red: str
    reason: str


RULES: dict[str, Rule] = {
    "score": Rule(
        f"interval clear of {CHANCE}, and no wider than {WIDE}",
        f"clear of {CHANCE}, but wider than {WIDE}",
        f"interval holds {CHANCE} or lies below",
        f"{CHANCE} is chance; in an interval wider than {WIDE} lie both a fair and a good model",
    ),
    "leak": Rule(
        "every file has a named patient, and no film or patient of the test is in training",
        "no leak is found, but patients are not known; or validation films leak from training",
        "any tested film or its group is in train or val",
        "a film that was seen in training is no test; names, bytes and pixels don't tell two films of one patient",
    ),
    "size": Rule(
        f"{ENOUGH} or more named patients of the rarest class are tested",
        f"{FEW} to {ENOUGH - 1}, or more groups whose patients aren't named",
        f"fewer than {FEW}",
        f"below {FEW} an AUROC's interval is wider than about {WIDE}; {ENOUGH} of each class is what Vergouwe 2005 "
        "asks of a validation",
    ),
    "markers": Rule(
        "the verdict is 'no evidence', of such models as this one, with its manifest, from raw films as this run",
        "undecided, or found of another kind of model, another backbone or another manifest than this run's",
        "the verdict is 'reliance' of models trained on raw films, as this run",
        "the verdict's own limits stand with it; a linear head on frozen features is another model than a trained one",
    ),
    "metadata": Rule(
        "the card's verdict is 'no evidence', and it describes every film of the run",
        "above chance, undecided, or the card lacks films of this run",
        "far above chance",
        "what predicts the class without the bone can predict it within a network too",
    ),
    "calibration": Rule(
        f"an error of {FAR_OFF} is excluded, and nothing of slope and intercept differs from right",
        "anything in between",
        f"the error is clearly above {FAR_OFF}",
        f"at {FAR_OFF}, of ten films of probability 0.8 seven may be positive where eight should be",
    ),
    "external": Rule(
        f"on unseen data the figure is clear of chance, and a fall of {2 * DROP} is excluded",
        "anything in between, and fewer than "
        f"{FEW} groups of the rarest class; whether the films are from elsewhere is for people to say",
        f"the figure is not clear of chance, or clearly more than {DROP} below that on own films",
        f"{DROP} is the margin of an ablation; the worst of several data sets counts",
    ),
    "subgroups": Rule(
        f"no gap is clear of 0, and a gap of {2 * GAP} is excluded for all",
        f"some gap is clear of 0, or one of {2 * GAP} is possible",
        f"some subgroup is clearly more than {GAP} worse than the rest",
        "of twenty gaps one is clear of 0 by chance; small parts show no gap because they show nothing",
    ),
    "selection": Rule(
        "validation films chose the epoch, or none was chosen; they share nothing with the test, and no other run "
        "beside was scored on it",
        "other runs beside were scored on the same test films, or it isn't told what chose the epoch",
        "films that chose the epoch are in the test",
        "the best of several test scores is too good; scores that were looked at and deleted leave no trace",
    ),
    "initialisation": Rule(
        "from nothing, or from weights of ImageNet-1k alone, whose thousand classes hold no radiographs",
        "from a file, or from weights of other or unknown pretraining: whether those films were in it isn't known",
        "never",
        "pretraining on films of the test is a leak that no manifest shows",
    ),
}


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
