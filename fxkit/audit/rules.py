"""Rules of the audit: every threshold, and why it was chosen. The audit page shows these rules as a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Colour = Literal["green", "amber", "red", "grey"]


@dataclass(frozen=True)
class Look:
    """The word and the sign of a colour, for readers who do not see it."""

    word: str
    sign: str


LOOKS: dict[Colour, Look] = {
    "green": Look("pass", "✓"),
    "amber": Look("caution", "!"),
    "red": Look("fail", "✗"),
    "grey": Look("not tested", "?"),
}

WORST_FIRST: tuple[Colour, ...] = ("red", "amber", "grey", "green")

CHANCE = 0.5  # AUROC

WIDE = 0.2  # width of the interval of an AUROC

FEW, ENOUGH = 30, 100  # groups of the rarest class

MAX_CALIBRATION_ERROR = 0.1  # as a probability

DROP = 0.05  # fall of the AUROC on other data

MAX_LEFT = 0.2  # of the films may still bear a marker

FEW_WRONG, MANY_WRONG = 0.03, 0.06  # of the films

GAP = 0.1  # between a subgroup and the other films, for metrics between 0 and 1


@dataclass(frozen=True)
class Rule:
    """When an answer is green, amber or red, and why. Grey always means that the question was not tested."""

    green: str
    amber: str
    red: str
    reason: str


RULES: dict[str, Rule] = {
    "score": Rule(
        f"The 95 % interval lies above {CHANCE} and is no wider than {WIDE}.",
        f"The interval lies above {CHANCE} but is wider than {WIDE}, or it is undefined.",
        f"The interval contains {CHANCE} or lies below it.",
        f"{CHANCE} is chance. An interval wider than {WIDE} is compatible with both a fair and a good model.",
    ),
    "leak": Rule(
        "Every file has a named patient, and no test film or test patient is in training.",
        "No leak into the test set was found, but some files have no named patient, or validation films leak from "
        "training.",
        "A tested film, or another film of its group, is in the training or validation set.",
        "A film that was seen in training is not a test. File names, bytes and pixels cannot show that two films "
        "belong to one patient.",
    ),
    "size": Rule(
        f"At least {ENOUGH} named patients of the rarest class are tested.",
        f"{FEW} to {ENOUGH - 1} groups of the rarest class are tested, or more, but some patients have no name.",
        f"Fewer than {FEW} groups of the rarest class are tested.",
        f"Below {FEW} groups, the interval of an AUROC is wider than about {WIDE}. Vergouwe et al. 2005 recommend at "
        f"least {ENOUGH} of each class for a validation study.",
    ),
    "markers": Rule(
        "The verdict of the ablation is 'no evidence', which takes cleaned films of every class, for models of this "
        "kind with the same backbone, weights, image size and settings, trained on this manifest, with raw films as in "
        "this run; or for the model itself, which gave the predictions of this folder.",
        "The verdict is 'undecided'; or markers were erased on the films of one class mostly; or the ablation differs "
        "from this run in the kind of model, the backbone, the weights, the image size, a setting, the manifest or the "
        f"cleaning; or it allows a loss above {DROP}; or its split leaks; or a judged sample does not rule out that "
        f"more than {MAX_LEFT:.0%} of the cleaned films still bear a marker.",
        "The verdict is 'reliance', for models trained on raw films as in this run, or for the model itself.",
        "The limits of the ablation's verdict apply here too. A linear head on frozen features is a different model "
        "from one trained in full.",
    ),
    "metadata": Rule(
        "The verdict of the data card is 'no evidence', and the card describes the files of the run and no others: the "
        "names, bytes and classes are the same.",
        "The verdict is 'above chance' or 'undecided', or the card describes other files, or does not record their "
        "bytes and classes.",
        "The verdict is 'far above chance', or the site of a film tells its class.",
        "If metadata predict the class without the bone, a network can use the same information.",
    ),
    "calibration": Rule(
        f"The interval of the calibration error lies below {MAX_CALIBRATION_ERROR}, and the intervals of slope and "
        "calibration in the large contain their ideal values.",
        "All other results.",
        f"The interval of the calibration error lies above {MAX_CALIBRATION_ERROR}.",
        f"With an error of {MAX_CALIBRATION_ERROR}, only seven of ten films with a predicted probability of 0.8 may be "
        "positive, where eight should be.",
    ),
    "external": Rule(
        "On data that are unseen by bytes, pixels and patients, the interval lies above chance and rules out a drop of "
        f"{2 * DROP}.",
        f"All other results, or fewer than {FEW} groups of the rarest class. The audit cannot tell whether the films "
        "come from elsewhere. Copies of the run's own test films are not other data.",
        f"The interval does not lie above chance, or all of it lies more than {DROP} below the score on the run's own "
        "films.",
        f"{DROP} is also the margin of an ablation. Of several data sets, the worst one counts.",
    ),
    "subgroups": Rule(
        f"Every gap's interval contains 0 and rules out a gap of -{2 * GAP}. No subgroup has few groups.",
        f"Some gap's interval excludes 0 or includes -{2 * GAP}, or a subgroup has few groups.",
        f"In some subgroup the whole interval of the gap lies more than {GAP} below the other films.",
        "By chance, one of twenty gaps has an interval that excludes 0. In a small subgroup a gap can go "
        "unnoticed, because its interval is wide.",
    ),
    "selection": Rule(
        "The epoch was chosen on validation films, or no epoch was chosen. The validation films are not test films, "
        "and no other run in the same folder was evaluated on the same test films.",
        "Other runs in the same folder were evaluated on the same test films, or the run does not record on "
        "which films the epoch was chosen.",
        "Some of the films on which the epoch was chosen are test films.",
        "The best of several test scores is too optimistic. Scores that were looked at and deleted leave no trace.",
    ),
    "initialisation": Rule(
        "Training started from random weights, or from weights of ImageNet-1k alone, whose 1,000 classes contain no "
        "radiographs.",
        "Training started from a weights file, or from weights with other or unknown pretraining, so that it is not "
        "known whether the pretraining included test films.",
        "Never.",
        "Pretraining on test films is a leak that no manifest shows.",
    ),
    "labels": Rule(
        f"At most {FEW_WRONG:.0%} of the films are suspected to have a wrong label, or a person judged all suspected "
        f"films and called at most {FEW_WRONG:.0%} of all labels wrong.",
        f"More are suspected and not all were judged, or a person called {FEW_WRONG:.0%} to {MANY_WRONG:.0%} of the "
        "labels wrong and they were not replaced.",
        f"A person called more than {MANY_WRONG:.0%} of the labels wrong, and they were not replaced.",
        "Northcutt, Athalye and Mueller 2021 found at least 3.3 % wrong labels on average in the test sets of ten "
        "benchmarks; on ImageNet, 6 % more of them reverse the order of two models. The search misses a third of the "
        "wrong labels or more, and a model suspects hard films, too: only a person decides.",
    ),
}


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        key: key of the question's rule in RULES.
        reason: why the answer has this colour.
        facts: names and texts of the numbers behind the answer.
        files: files that the facts were read from.
        command: command that answers the question, or answers it better; "" if nothing is left to do.
    """

    key: str
    question: str
    colour: Colour
    reason: str
    facts: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()
    command: str = ""

    @property
    def verdict(self) -> str:
        """The answer in words: pass, caution, fail or not tested."""
        return self.look.word

    @property
    def look(self) -> Look:
        """The word and the sign of the colour."""
        return LOOKS[self.colour]

    @property
    def rule(self) -> Rule:
        """The rule that gave the colour."""
        return RULES[self.key]
