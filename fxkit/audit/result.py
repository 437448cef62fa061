"""The result of an audit, as Python, text, JSON and the output of a notebook."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fxkit.audit.claim import Item
from fxkit.audit.rules import LOOKS, WORST_FIRST, Answer
from fxkit.audit.verdict import Verdict
from fxkit.evaluation.temporary_folder import TemporaryFolder
from fxkit.html import load_template
from preprocess.errors import one_line

# The page shows these names of facts. audit.json keeps the keys that programs may read.
FACT_LABELS = {
    "of them copies of a training film": "tested files that are copies of a training film",
    "of them other films of a training group": "tested files that are other films of a training group",
    "validation files of a training group": "validation files whose group is in training",
    "files a film": "files per film",
    "strongest figure, AUROC": "highest AUROC without the image",
    "the model's": "headline metric of the model",
    "other runs beside with figures of the same manifest": "other runs in the same folder evaluated on this manifest",
    "by chance": "multiple comparisons",
    "models": "training of the models",
    "own films": "the run's own films",
}


@dataclass(frozen=True, repr=False)
class Audit:
    """Results of an audit, and the path of its page.

    A notebook shows the answers with their evidence; `str(audit)` is a line for each. `audit["leak"]` is an answer.

    Attributes:
        name: name of the audited folder.
        positive: the positive class of two, else "".
        picture: all headline metrics on one scale, as a data URI of a PNG picture; "" if none has an interval.
        picture_text: the same as text.
        temporary: a temporary folder that is deleted with this result; None if the folder stays.
    """

    page: Path
    verdict: Verdict
    answers: tuple[Answer, ...]
    claim: tuple[Item, ...]
    name: str = ""
    positive: str = ""
    picture: str = ""
    picture_text: str = ""
    temporary: TemporaryFolder | None = field(default=None, compare=False)

    def __getitem__(self, key: str) -> Answer:
        """Return the answer with this key, such as "leak"."""
        return {answer.key: answer for answer in self.answers}[key]

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def worst(self) -> str:
        """The worst of all answers: fail, caution, not tested or pass."""
        return next(LOOKS[colour].word for colour in WORST_FIRST if any(a.colour == colour for a in self.answers))

    @property
    def counts(self) -> dict[str, int]:
        """Number of answers of each kind: fail, caution, not tested and pass."""
        return {LOOKS[c].word: sum(answer.colour == c for answer in self.answers) for c in WORST_FIRST}

    def to_columns(self) -> dict[str, list[str]]:
        """Return the answers as columns of equal length, from which pandas or polars makes a table."""
        names = ("key", "question", "verdict", "reason", "command")
        return {name: [getattr(answer, name) for answer in self.answers] for name in names}

    def to_dict(self) -> dict[str, Any]:
        """Return the content of audit.json."""
        values: dict[str, Any] = json.loads(self.page.with_suffix(".json").read_text(encoding="utf-8"))
        return values

    def __str__(self) -> str:
        lines = [f"positive class: {one_line(self.positive)}"] if self.positive else []
        lines += [f"{a.look.sign} {a.verdict:<10}  {a.question} {one_line(a.reason)}" for a in self.answers]
        return "\n".join([*lines, f"{self.verdict.may_be_believed} {self.verdict.missing}".strip()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return load_template("audit/answers.html").render(
            audit=self,
            looks=LOOKS,
            label=lambda fact: FACT_LABELS.get(fact, fact),
            command=self._command,
        )

    def _command(self, answer: Answer) -> str:
        """Return the command of an answer; a temporary folder is called DIR."""
        return answer.command.replace(str(self.page.parent), "DIR") if self.temporary else answer.command
