"""Find the columns of a table of predictions: the key of a film, its true class, and its scores."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fxkit.errors import ConfigError, DataError
from preprocess.tables.cells import clean_cell, is_empty, label_key, read_number
from preprocess.tables.columns import find_columns, find_named
from preprocess.tables.names import plain_name
from preprocess.tables.read import Table

Scale = Literal["probability", "percent", "logit", "score"]

# Names beside those that `preprocess.tables.names` reads as path and label, as `plain_name` writes them.
KEYS = frozenset(
    ["id", "key", "case", "caseid", "film", "filmid", "name", "study", "studyid", "accession", "accessionnumber", "uid"]
)

TRUTHS = frozenset((
    "y", "ytrue", "true", "truelabel", "trueclass", "labeltrue", "actual", "actuallabel", "gold", "goldlabel",
    "goldstandard", "reference", "referencestandard", "expected",
))  # fmt: skip

# Beginnings and ends of the name of a column that holds the score of one class, such as p_fracture or fracture_prob.
SCORE_WORDS = frozenset((
    "p", "prob", "probs", "proba", "probability", "probabilities", "score", "scores", "logit", "logits", "softmax",
    "sigmoid", "output", "pred", "prediction", "yprob", "yproba", "yscore", "ypred", "class", "percent",
))  # fmt: skip

# Words of the name of the only column of scores, which are those of the positive class: y_prob, positive_probability.
SINGLE_WORDS = SCORE_WORDS - {"class"} | {"y", "yhat", "predicted", "positive", "risk", "model"}

LEADING = SCORE_WORDS | {"y", "yhat", "model"}

UNSURE = frozenset(("pred", "prediction", "predicted", "ypred", "yhat", "output"))  # these may hold decisions

DECISIONS = frozenset(("decision", "predictedclass", "predictedlabel", "predclass", "predlabel"))

FACTS = ("patient", "site", "split")

# Columns of a manifest; no other name is read as these.
EXACT_FACTS = ("film", "group", "sha256", "fold", "width", "height")


@dataclass(frozen=True)
class ColumnChoice:
    """Columns that the user names; None or () for those whose names say what they hold.

    Attributes:
        scores: COLUMN, or CLASS=COLUMN.
        scale: None for what the name of the column says: logit, or else probability.
    """

    key: str | None = None
    truth: str | None = None
    scores: tuple[str, ...] = ()
    scale: Scale | None = None


BY_NAME = ColumnChoice()


@dataclass(frozen=True)
class Columns:
    """The columns of a table of predictions.

    Attributes:
        scores: column -> class that it is the score of; "" for the only column, which is that of the positive class.
        facts: meaning (label, patient, site, split, film, group, sha256, fold) -> column, for those that there are.
        notes: how columns were read whose names do not say exactly what they hold.
    """

    key: str
    scores: Mapping[str, str]
    scale: Scale
    facts: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def used(self) -> tuple[str, ...]:
        """All columns that are read."""
        return (self.key, *self.scores, *self.facts.values())


def find_prediction_columns(table: Table, choice: ColumnChoice = BY_NAME) -> Columns:
    """Find the columns of a table of predictions.

    Raises:
        DataError: a named column is missing, or the names do not say which column is the key or the score.
    """
    key, key_notes = find_key(table, choice.key)
    facts, fact_notes = find_facts(table, choice.truth, key)
    scores = _named_scores(table, choice.scores) if choice.scores else _find_scores(table, key, facts)
    scale = choice.scale or _guess_scale(table, scores)
    notes = [*key_notes, *fact_notes]
    if not choice.scores:
        notes.append(f"{table.path}: scores are read from {_listed(scores)}, as {_plural(scale, len(scores))}")
    return Columns(key, scores, scale, facts, tuple(notes))


def find_key(table: Table, named: str | None = None) -> tuple[str, list[str]]:
    """Return the column that names the film of each row, and a note if its name is not `path`."""
    if named is not None:
        return _require(table, named), []
    found, notes = find_columns(table, ["path"])
    if found:
        return found["path"], notes
    alike = [name for name in table.columns if plain_name(name) in KEYS]
    if len(alike) == 1:
        return alike[0], [f"{table.path}: column `{clean_cell(alike[0])}` is read as the key of a film"]
    problem = f"{_listed(alike)} may all name the film" if alike else "no column `path` or `id`"
    raise DataError(f"{table.path}: {problem}; its columns are: {_listed(table.columns)}; name one with --key")


def find_facts(table: Table, truth: str | None, key: str) -> tuple[dict[str, str], list[str]]:
    """Return what is said of the films beside the key and the scores: meaning -> column, and notes."""
    facts, notes = find_columns(table, FACTS)
    facts |= {name: column for name in EXACT_FACTS if (column := find_named(table.columns, name))}
    if truth is not None:
        facts["label"] = _require(table, truth)
    else:
        found, label_notes = find_columns(table, ["label"])
        others = [name for name in table.columns if plain_name(name) in TRUTHS]
        if not found and len(others) == 1:
            found, label_notes = {"label": others[0]}, [f"{table.path}: column `{others[0]}` is read as the true class"]
        facts |= found
        notes += label_notes
    return {meaning: column for meaning, column in facts.items() if column != key}, notes


def _require(table: Table, name: str) -> str:
    column = find_named(table.columns, name)
    if column is None:
        raise DataError(f"{table.path}: no column {name!r}; its columns are: {_listed(table.columns)}")
    return column


def _named_scores(table: Table, named: Sequence[str]) -> dict[str, str]:
    """Return the columns that the user names as COLUMN or CLASS=COLUMN."""
    scores: dict[str, str] = {}
    for text in named:
        class_name, separator, column = text.rpartition("=")
        if find_named(table.columns, text) is not None:
            class_name, separator, column = "", "", text
        scores[_require(table, column)] = class_name if separator else ""
    if len(scores) > 1 and not all(scores.values()):
        guessed = {column: name or class_of(column) for column, name in scores.items()}
        if not all(guessed.values()):
            unnamed = next(column for column, name in guessed.items() if not name)
            raise ConfigError(f"--score {unnamed}: of several columns, name the class of each: --score CLASS={unnamed}")
        return guessed
    return scores


def _find_scores(table: Table, key: str, facts: Mapping[str, str]) -> dict[str, str]:
    """Find the columns of scores by their names."""
    names = [name for name in table.columns if name not in {key, *facts.values()}]
    by_word: dict[str, dict[str, str]] = {}
    for name in names:
        word, class_name = _divide(name)
        if class_name:
            by_word.setdefault(word, {})[name] = class_name
    sets = [columns for columns in by_word.values() if len(columns) > 1]
    single = [name for name in names if _is_single(name)]
    exact = [name for name in single if plain_name(name) not in UNSURE]
    alone = [name for columns in by_word.values() for name in columns if name not in single]
    for chosen in (exact, single, alone):
        if len(sets) == 1:
            return sets[0]
        if len(chosen) == 1 and not sets:
            return {chosen[0]: "" if chosen[0] in single else class_of(chosen[0])}
    candidates = dict.fromkeys([*single, *(name for columns in sets for name in columns), *alone])
    if not candidates and (found := _named_like_classes(table, names, facts)):
        return found
    problem = f"{_listed(candidates)} may all hold the scores" if candidates else "no column of scores"
    raise DataError(
        f"{table.path}: {problem}; expected one column such as `probability`, or one for each class such as "
        f"`p_fracture`; its columns are: {_listed(table.columns)}; name them with --score COLUMN or --score "
        "CLASS=COLUMN"
    )


def _named_like_classes(table: Table, names: Sequence[str], facts: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of numbers that have the names of the true classes: all of them, or one of two."""
    if "label" not in facts:
        return {}
    written = {clean_cell(row.values.get(facts["label"], "")) for row in table.rows}
    classes = {label_key(name): name for name in written if not is_empty(name)}
    found = {name: classes[label_key(name)] for name in names if label_key(name) in classes and _is_number(table, name)}
    all_found = len(found) == len(classes) > 1
    return found if all_found or (len(found) == 1 and len(classes) == 2) else {}


def _is_number(table: Table, column: str) -> bool:
    """Tell whether the first cell of a column is a number, perhaps with a percent sign."""
    try:
        read_number(clean_cell(table.rows[0].values.get(column, "")).removesuffix("%").rstrip())
    except ValueError:
        return False
    return True


def _is_single(column: str) -> bool:
    words = [plain_name(word) for word in re.split(r"[\W_]+", clean_cell(column)) if word]
    return {*words} <= SINGLE_WORDS and {*words} != {"y"} and {*words} != {"model"} and {*words} != {"positive"}


def is_score_name(column: str) -> bool:
    """Tell whether a name is that of a score or a decision, whether it is read or not."""
    return plain_name(column) in DECISIONS or _is_single(column) or bool(class_of(column))


def class_of(column: str) -> str:
    """Return the class that the name of a column of scores names, such as fracture for p_fracture; else ""."""
    return _divide(column)[1]


def _divide(column: str) -> tuple[str, str]:
    """Divide p_fracture or fracture_prob into the word for a score and the class; "" and "" for another name."""
    parts = re.split(r"([\W_]+)", clean_cell(column))  # words, and the signs between them
    words = [plain_name(word) for word in parts[::2]]
    first = next((n for n, word in enumerate(words) if word not in LEADING), len(words) - 1)
    if first and {*words[:first]} & SCORE_WORDS:
        return "".join(words[:first]), "".join(parts[2 * first :])
    if len(words) > 1 and words[-1] in SCORE_WORDS - {"class"} and words[0] != "y":
        return words[-1], "".join(parts[:-2])
    word = words[0].rstrip("0123456789") if len(words) == 1 else ""
    return (word, words[0][len(word) :]) if word in SCORE_WORDS and word != words[0] else ("", "")


def _guess_scale(table: Table, scores: Mapping[str, str]) -> Scale:
    names = " ".join(map(plain_name, scores))
    if "logit" in names:
        return "logit"
    signs = any("%" in name for name in scores) or all(
        clean_cell(row.values.get(column, "")).endswith("%") for row in table.rows for column in scores
    )
    return "percent" if signs or "percent" in names else "probability"


def _plural(scale: Scale, n: int) -> str:
    word = {"probability": "probabilities", "percent": "percentages", "logit": "logits", "score": "scores"}[scale]
    return word if n > 1 else f"{word} of the positive class"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{clean_cell(name)}`" for name in names)


def same_class(name: str, other: str) -> bool:
    """Tell whether two names are spellings of one class."""
    return label_key(name) == label_key(other)
