"""The data card, as data.json holds it: counts, distributions by class, copies, and the metadata-only baseline."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, computed_field

from fxkit.data.leaks import LeakCounts
from fxkit.data.manifest import Count
from fxkit.data.positive import positive_class
from fxkit.index.datacard.metadata import Marking
from fxkit.index.datacard.verdicts import Baseline
from fxkit.index.facts import FileFacts
from fxkit.metrics.json_result import JsonResult, Number

T = TypeVar("T")

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Text = Annotated[str, PlainValidator(str)]  # pydantic's own str refuses file names that are not valid UTF-8


def _from_dict(build: Callable[..., T]) -> BeforeValidator:
    def read(value: Any) -> Any:
        return build(**value) if isinstance(value, dict) else value

    return BeforeValidator(read)


class Tally(JsonResult):
    """How often each value of a property occurs in each class.

    Attributes:
        name: property, such as "format" or "site".
        values: value -> class -> count; the most frequent value first.
    """

    name: str
    values: dict[Text, dict[Text, Count]]


class Spread(JsonResult):
    """Distribution of a measure in each class; files are weighted so that films count equally.

    Attributes:
        quantiles: class -> values of the QUANTILES; a class without the measure is missing.
        auroc: how well the measure separates the class `higher` from the others; 0.5 is chance, NaN undefined.
        higher: class in which the measure is higher.
    """

    topic: str
    name: str
    digits: int
    quantiles: dict[Text, tuple[float, ...]]
    auroc: Number
    higher: Text


class UnreadableFile(JsonResult):
    """A file that cannot be decoded, and the reason."""

    path: Text
    reason: Text


class DescribedFile(JsonResult):
    """A file that the card describes, with its class and the SHA-256 of its bytes, for an audit."""

    path: Text
    label: Text
    sha256: str


class DataCard(JsonResult):
    """Contents of the data card, as written to data.json.

    Attributes:
        name: name of the data set's folder.
        baseline: metadata-only baseline; None if there is only one class.
        notes: messages for the user.
        total: counts of all readable files.
        counts: split, or "all" -> class -> count.
        leaks: leaks of the test split.
        tallies: properties and their values by class.
        spreads: measures and their distributions by class.
        identical: sets of byte-identical files.
        conflicting: the sets of byte-identical files that belong to several classes.
        copies: number of files of a film -> class -> number of films.
        files: facts of every readable file.
        markings: markers of the files whose markers are known.
        described: class and hash of every readable file; empty in cards of version 0.1.0.
    """

    name: Text
    classes: tuple[Text, ...]
    baseline: Baseline | None
    notes: tuple[Text, ...]
    total: Count
    counts: dict[str, dict[Text, Count]]
    leaks: LeakCounts = Field(alias="leak")
    tallies: tuple[Tally, ...]
    spreads: tuple[Spread, ...]
    identical: tuple[tuple[Text, ...], ...] = Field(alias="twins")
    conflicting: tuple[tuple[Text, ...], ...] = Field(alias="torn")
    copies: dict[int, dict[Text, int]]
    unreadable: tuple[UnreadableFile, ...]
    files: tuple[Annotated[FileFacts, _from_dict(FileFacts)], ...]
    markings: tuple[Annotated[Marking, _from_dict(Marking)], ...]
    described: tuple[DescribedFile, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def positive(self) -> Text:
        """The positive class; "" unless there are two classes."""
        return positive_class(self.classes)
