"""Find the films of a run whose label is probably wrong: labels.csv, labels.json and labels.html."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fxkit.data.label_verdicts import ACCEPT, REJECT, LabelVerdict, read_label_verdicts
from fxkit.data.manifest import manifest_hash
from fxkit.errors import DataError
from fxkit.evaluation.films.cards import DEFAULTS, Card, CardOptions, FilmCards
from fxkit.evaluation.films.page import Page, render_page
from fxkit.evaluation.films.tested import TestedFilms, describe_films, read_tested_films
from fxkit.metrics.label_errors import LabelScores, score_labels
from fxkit.models.run_folder import write_json
from fxkit.report.label_check import FILE, LabelCheck
from preprocess.errors import one_line
from preprocess.files import write_atomic
from preprocess.locks import locked
from preprocess.tables.cells import label_key
from preprocess.words import amount

TABLE, PAGE = "labels.csv", "labels.html"

COLUMNS = ("rank", "film", "path", "group", "label", "suggested_label", "probability", "score", "suspected", "verdict")

ROWS = 5000  # films on the page, without pictures about 1 kB each

SUSPECTED, OTHERS = "suspected", "not suspected"


@dataclass(frozen=True)
class LabelErrors:
    """Results of `find_label_errors`: the summary, the files that were written, and the summary as text."""

    check: LabelCheck
    table: Path
    page: Path
    lines: tuple[str, ...]


@locked("folder")
def find_label_errors(
    folder: str | Path,
    *,
    part: str = "",
    root: Path | None = None,
    verdicts: Path | None = None,
    options: CardOptions = DEFAULTS,
) -> LabelErrors:
    """Rank the films of a run by how probably their label is wrong, and write labels.csv, labels.json and labels.html.

    A folder of predictions that were made elsewhere is read as a run is.

    Args:
        part: folder in the run with other predictions, such as evaluations/NAME; the files are then written there.
        root: folder of the films, if they were moved.
        verdicts: verdicts.csv that labels.html saved; the page starts with them, and the summary counts them.
        options: what the page shows.
    Raises:
        RunError: there are no predictions.
        DataError: see `read_tested_films`; or all films have one label; or the verdicts are not of these films.
        OutputError: a file cannot be written.
    """
    tested = read_tested_films(folder, part=part, root=root)
    films = tested.films
    if len(set(films.labels.tolist())) < 2:
        raise DataError(
            f"{tested.run.folder / part}: all {amount(len(films), 'film')} have the same label; expected films of two "
            "or more classes"
        )
    scores = score_labels(films.labels, films.probabilities)
    judged = match_verdicts(tested, read_label_verdicts(verdicts)) if verdicts else {}
    check = summarise(tested, scores, judged)
    out = tested.run.folder / part
    write_json(out / FILE, check.to_dict())
    write_atomic(out / TABLE, _table(tested, scores, judged))
    cards = FilmCards(tested, options)
    lines = (*describe_check(tested, check), *cards.lines)
    write_atomic(out / PAGE, _page(cards, scores, judged, lines))
    return LabelErrors(check, out / TABLE, out / PAGE, lines)


def match_verdicts(tested: TestedFilms, verdicts: Sequence[LabelVerdict]) -> dict[int, LabelVerdict]:
    """Return row of the film -> verdict. A verdict on a label that was replaced since is left out.

    Raises:
        DataError: a path is not that of a film with a prediction.
    """
    row_of = {path: row for row, paths in enumerate(tested.paths) for path in paths}
    judged: dict[int, LabelVerdict] = {}
    for verdict in verdicts:
        row = row_of.get(verdict.path)
        if row is None:
            raise DataError(
                f"{verdict.where}: {verdict.path!r} has no prediction in this run; expected verdicts that its "
                "labels.html saved"
            )
        if label_key(tested.films.classes[tested.films.labels[row]]) == label_key(verdict.label):
            judged[row] = verdict
    return judged


def summarise(tested: TestedFilms, scores: LabelScores, judged: Mapping[int, LabelVerdict]) -> LabelCheck:
    """Return the content of labels.json."""
    films, classes = tested.films, tested.films.classes
    suspected = np.flatnonzero(scores.suspected)
    pairs: dict[str, Counter[str]] = defaultdict(Counter)
    for row in suspected:
        pairs[classes[films.labels[row]]][classes[scores.suggested[row]]] += 1
    words = Counter[str](verdict.verdict for verdict in judged.values())
    return LabelCheck(
        part=tested.part,
        kind=tested.kind,
        n_films=len(films),
        n_groups=len(set(films.groups)),
        n_left_out=tested.n_left_out,
        n_suspected=len(suspected),
        suspected={label: dict(counts) for label, counts in pairs.items()},
        thresholds=dict(zip(classes, scores.thresholds.tolist(), strict=True)),
        n_judged=sum(int(row) in judged for row in suspected),
        n_accepted=words[ACCEPT],
        n_rejected=words[REJECT],
        sha256=manifest_hash(tested.run.records),
    )


def _table(tested: TestedFilms, scores: LabelScores, judged: Mapping[int, LabelVerdict]) -> str:
    """Return labels.csv: all films, the most suspicious first."""
    films, classes = tested.films, tested.films.classes
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    for rank, row in enumerate(scores.ranking.tolist(), start=1):
        label, suggested = films.labels[row], scores.suggested[row]
        names = (films.films[row], tested.paths[row][0], films.groups[row], classes[label], classes[suggested])
        figures = (round(float(films.probabilities[row, suggested]), 6), round(float(scores.scores[row]), 6))
        verdict = judged[row].verdict if row in judged else ""
        writer.writerow([rank, *names, *figures, "yes" if scores.suspected[row] else "no", verdict])
    return out.getvalue()


def _page(cards: FilmCards, scores: LabelScores, judged: Mapping[int, LabelVerdict], lines: Sequence[str]) -> str:
    tested, ranking = cards.tested, scores.ranking[:ROWS].tolist()
    listed: list[Card] = []
    for rank, row in enumerate(ranking):
        card = cards.card(row, pictured=rank < cards.options.pictures)
        verdict = judged.get(row)
        listed.append(
            card
            | {
                "lists": [SUSPECTED if scores.suspected[row] else OTHERS],
                "other": tested.films.classes[scores.suggested[row]],
                "p": round(float(tested.films.probabilities[row, scores.suggested[row]]), 3),
                "score": round(float(scores.scores[row]), 3),
                "rank": rank + 1,
            }
            | ({"verdict": verdict.verdict, "new": verdict.new_label} if verdict else {})
        )
    page = Page(
        title="Suspected label errors",
        intro=lines,
        how=(
            "The films are ranked by how much more probable another class is than their label. Of each label, "
            "confident learning suspects as many as are predicted as another class with at least the mean probability "
            "of its own films. A model errs, too, so that hard films are also suspected. "
            "Only a person who sees the film, and if possible the report, can tell."
        ),
        classes=tested.films.classes,
        lists=((SUSPECTED, "films whose label is probably wrong"), (OTHERS, "all other films, in the same order")),
        other_name="suggested",
        films=listed,
        n_films=len(tested.films),
        verdicts=True,
    )
    return render_page(page)


def describe_check(tested: TestedFilms, check: LabelCheck) -> list[str]:
    """Return the summary as lines of text."""
    kinds = [
        f"{n} {one_line(label)} that may be {one_line(other)}"
        for label, counts in sorted(check.suspected.items())
        for other, n in sorted(counts.items())
    ]
    lines = [describe_films(tested)]
    counts = f": {', '.join(kinds)}" if kinds else ""
    lines.append(f"{amount(check.n_suspected, 'film is', 'films are')} suspected to have a wrong label{counts}")
    if check.n_accepted or check.n_rejected:
        without = amount(check.n_suspected - check.n_judged, "suspected film has", "suspected films have")
        lines.append(f"verdicts: {check.n_accepted} accepted, {check.n_rejected} rejected; {without} none")
    return lines
