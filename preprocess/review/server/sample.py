"""The random sample of a review, and the judgements of its films."""

from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import KnownError, OutputError
from preprocess.ledger import Ledger, LedgerRow
from preprocess.markers import Marker
from preprocess.review.recall import (
    RECALL_FILE,
    Recall,
    SampledFilm,
    count_markers,
    describe_recall,
    draw_sample,
    hash_cleaning,
    read_recall,
    write_recall,
)
from preprocess.settings import CleanSettings


@dataclass
class Sample:
    """A sample, and the file that it is written to after each answer."""

    file: Path
    recall: Recall

    @property
    def paths(self) -> tuple[str, ...]:
        """The films of the sample, in random order."""
        return tuple(film.path for film in self.recall.sample)

    def film(self, path: str) -> SampledFilm:
        """Return a film of the sample."""
        return next(film for film in self.recall.sample if film.path == path)

    def is_hidden(self, path: str) -> bool:
        """Return whether what was found on a film must not be shown, because nobody looked at the cleaned film yet."""
        return self.film(path).left is None

    def describe(self) -> str:
        """Return the estimate once all films are judged: before, it could sway the person, or end the sample early."""
        if not self.recall.is_complete:
            return "the estimate follows when the whole sample is judged"
        return describe_recall(self.recall)

    def look(self, row: LedgerRow, left: tuple[Marker, ...]) -> None:
        """Record what a person saw on a cleaned film, and what had been erased on it. This cannot be changed later.

        Raises:
            KnownError: the cleaned film was looked at before.
        """
        film = self.film(row.path)
        if film.left is not None:
            raise KnownError("what is left on this film was recorded before; load it again")
        film.left = [marker.quad for marker in left]
        film.network = [(marker.quad, marker.style) for marker in row.markers]
        write_recall(self.file, self.recall)

    def judge(self, row: LedgerRow, settings: CleanSettings) -> None:
        """Count what was found and missed on a film that a person judged."""
        count_markers(self.film(row.path), row.markers, (row.height, row.width), settings)
        write_recall(self.file, self.recall)


def open_sample(out: Path, ledger: Ledger, size: int, seed: int) -> Sample:
    """Open the sample of a cleaned folder: go on with an earlier one, or draw a new one if it was cleaned otherwise.

    Films that a person judged outside the sample are not drawn, because they bear no markers any more.

    Raises:
        OutputError: the folder holds masks only, or no film is left to draw; or an earlier sample has another seed.
    """
    statuses = {row.path: (row.status, row.judged) for row in ledger.rows()}
    if "masked" in {status for status, _ in statuses.values()}:
        raise OutputError(f"{out}: holds masks only; judge a sample of a folder of cleaned films")
    cleaned_with, earlier = hash_cleaning(out), read_recall(out / RECALL_FILE)
    if earlier and earlier.cleaned_with != cleaned_with:
        earlier = None
    if earlier and earlier.seed != seed:
        raise OutputError(
            f"{out / RECALL_FILE}: is a sample with seed {earlier.seed}; give --seed {earlier.seed} to go on with it, "
            "or delete the file to draw another one"
        )
    usable = {path: judged for path, (status, judged) in statuses.items() if status != "failed"}
    known = {film.path: film for film in (earlier.sample if earlier else []) if film.path in usable}
    known = {path: film for path, film in known.items() if film.judged == usable[path]}
    population = [path for path, judged in usable.items() if not judged or path in known]
    if not population:
        raise OutputError(f"{out}: a person has judged all its films, so there is nothing to estimate")
    size = max(size, sum(film.judged for film in known.values()))
    films = [known.get(path) or SampledFilm(path=path) for path in draw_sample(population, size, seed)]
    recall = Recall(seed=seed, population=len(population), folder=len(usable), cleaned_with=cleaned_with, sample=films)
    sample = Sample(out / RECALL_FILE, recall)
    write_recall(sample.file, recall)
    return sample
