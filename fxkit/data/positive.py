"""The positive class: which of two classes it is, and how every table, page and file names it.

Sensitivity, PPV, average precision, operating points and net benefit mean something else if the classes are swapped, so
the positive class is named wherever they are shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fxkit.data.class_names import NEGATIVE, POSITIVE, polarities
from fxkit.errors import ConfigError
from preprocess.errors import one_line
from preprocess.yaml_files import did_you_mean

OLD_NEGATIVE_WORDS = frozenset(
    ("not", "no", "non", "normal", "negative", "neg", "healthy", "intact", "control", "unfractured", "0")
)


@dataclass(frozen=True)
class ClassOrder:
    """Classes in the order of their indices; of two, the second is the positive class.

    Attributes:
        guessed: whether neither the user nor the names said which of two classes is positive, so that the second in
            the alphabet is.
    """

    classes: tuple[str, ...]
    guessed: bool = False

    @property
    def warning(self) -> str:
        """What to say if the positive class was guessed; else ""."""
        if not self.guessed:
            return ""
        first, second = map(one_line, self.classes)
        return (
            f"WARNING: {positive_line(self.classes)}. This is a guess by alphabet: the names {first} and {second} do "
            f'not say which of them is the finding. Set it with --positive "{first}" or --positive "{second}".'
        )


def choose_order(labels: Iterable[str], positive: str | None = None) -> ClassOrder:
    """Return the classes in the order of their indices, and whether the positive one was guessed.

    The classes are sorted by name. Of two, the positive one comes last: the one that the user names; else the only one
    whose name means a finding, or the one beside the only name that means its absence (`class_names.polarities`).

    Raises:
        ConfigError: `positive` is none of the classes, or there are not two classes.
    """
    classes = sorted(set(labels))
    if positive is not None:
        return ClassOrder(_put_last(classes, positive))
    if len(classes) != 2:
        return ClassOrder(tuple(classes))
    meanings = polarities(*classes)
    if meanings.count(NEGATIVE) == 1:
        last = meanings.index(NEGATIVE) == 0
    elif meanings.count(POSITIVE) == 1:
        last = meanings.index(POSITIVE) == 1
    else:
        return ClassOrder(tuple(classes), guessed=True)
    return ClassOrder(tuple(classes if last else classes[::-1]))


def order_classes(labels: Iterable[str], positive: str | None = None) -> tuple[str, ...]:
    """Return the classes in the order of their indices; see `choose_order`."""
    return choose_order(labels, positive).classes


def order_classes_as_before(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the classes in the order of versions before 0.2, for runs that do not store it.

    A class was negative if the first word of its name, up to a space, dash or underscore, was one of a few.
    """
    classes = sorted(set(labels))
    if len(classes) == 2:
        first_words = {name: name.lower().replace("-", "_").replace(" ", "_").split("_")[0] for name in classes}
        classes.sort(key=lambda name: (first_words[name] not in OLD_NEGATIVE_WORDS, name))
    return tuple(classes)


def _put_last(classes: Sequence[str], positive: str) -> tuple[str, ...]:
    names = ", ".join(map(one_line, classes))
    if positive not in classes:
        hint = did_you_mean(positive, classes)
        raise ConfigError(f"positive class {positive!r}: not one of the classes ({names}); give one of them{hint}")
    if len(classes) != 2:
        raise ConfigError(
            f"positive class {positive!r}: there are {len(classes)} classes ({names}); only of two classes one can be "
            "positive; leave out --positive and data.positive"
        )
    return (*(name for name in classes if name != positive), positive)


def check_order(classes: Sequence[str], positive: str, run: str) -> None:
    """Raise ConfigError if the positive class of a run is another one: its order is fixed by training.

    Args:
        classes: classes of the run, in the order of its probabilities.
        run: folder of the run, for the error text.
    """
    _put_last(classes, positive)  # raises if it is none of two classes
    if positive_class(classes) != positive:
        raise ConfigError(
            f"{run}: its positive class is {positive_class(classes)!r}, fixed by its training with its threshold and "
            f'calibration; expected {positive!r}; leave out --positive, or train again with --positive "{positive}"'
        )


def positive_class(classes: Sequence[str]) -> str:
    """Return the positive class of classes in the order of their indices; "" unless there are two."""
    return classes[1] if len(classes) == 2 else ""


def positive_line(classes: Sequence[str]) -> str:
    """Return "positive class: NAME", the line that every printed table shows; "" unless there are two classes."""
    return f"positive class: {one_line(positive_class(classes))}" if len(classes) == 2 else ""
