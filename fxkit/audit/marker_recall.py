"""How many markers the cleaned films still bear, as far as a person judged a random sample of them."""

from dataclasses import dataclass, replace
from pathlib import Path

from fxkit.audit.rules import MAX_LEFT, Answer
from fxkit.data.manifest import Record
from fxkit.errors import RunError
from preprocess.ledger import open_ledger
from preprocess.review.recall import RECALL_FILE, Recall, describe_recall, hash_cleaning, read_recall
from preprocess.words import amount


@dataclass(frozen=True)
class JudgedSample:
    """A judged sample of a cleaned folder.

    Attributes:
        file: recall.json.
        doubt: why it does not count for the tested films; "" if it does.
    """

    file: Path
    recall: Recall
    doubt: str


def read_sample(cleaned: str | Path | None, tested: tuple[Record, ...]) -> JudgedSample | None:
    """Read the sample of a cleaned folder; None without a folder.

    Args:
        tested: the films that the score is computed on.
    Raises:
        RunError: the folder holds no sample.
        OutputError: its files are damaged.
    """
    if cleaned is None:
        return None
    file = Path(cleaned) / RECALL_FILE
    recall = read_recall(file)
    if recall is None:
        raise RunError(f"{file}: no such file; judge a sample with `fxkit review {cleaned} --sample 50`")
    return JudgedSample(file, recall, _find_doubt(Path(cleaned), recall, tested))


def _find_doubt(cleaned: Path, recall: Recall, tested: tuple[Record, ...]) -> str:
    if hash_cleaning(cleaned) != recall.cleaned_with:
        return "the films were cleaned again with other settings after the sample was judged"
    if not recall.is_complete:
        return f"only {recall.films.judged} of its {amount(len(recall.sample), 'film')} were judged"
    known = set()
    n_films = 0
    for row in open_ledger(cleaned).rows():
        known |= {row.sha256, row.output_sha256}
        n_films += row.status != "failed"
    if n_films != recall.folder:
        return f"the folder now holds {amount(n_films, 'film')}, and {recall.folder} when the sample was drawn"
    n_missing = sum(record.sha256 not in known for record in tested)
    if n_missing:
        return f"{n_missing} of {amount(len(tested), 'tested film')} are not among the films of the cleaned folder"
    return ""


def add_sample(answer: Answer, sample: JudgedSample | None) -> Answer:
    """Add to the answer how many films still bear a marker; if it may be many, a pass becomes a caution."""
    if sample is None:
        return answer
    text = describe_recall(sample.recall)
    fact = text if not sample.doubt else f"{text}; this does not count, because {sample.doubt}"
    answer = replace(answer, facts=(*answer.facts, ("markers left", fact)), files=(*answer.files, sample.file))
    high = sample.recall.films.share.high
    if sample.doubt or high is None:
        return answer
    if high <= MAX_LEFT:
        return replace(answer, reason=f"{answer.reason} In the cleaned folder, {text}.")
    reason = f"{answer.reason} But in the cleaned folder, {text}; more than {MAX_LEFT:.0%} are too many: clean again."
    return replace(answer, reason=reason, colour="amber" if answer.colour == "green" else answer.colour)
