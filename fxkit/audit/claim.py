"""A draft of CLAIM 2024: what a run tells of each item, and which items people must fill in.

Items are named in our own words, by the numbers of the 2024 update. Compare with the published table before you hand
it in.

Source: Tejani et al. 2024, "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update",
https://doi.org/10.1148/ryai.240300
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fxkit.audit.evidence import Evidence
from fxkit.audit.rules import Answer
from fxkit.data.manifest import count_records, usable
from fxkit.models.run_folder import read_json

AUTHORS = "to be filled in by the authors"


TOPICS: dict[int, str] = {
    1: "title names AI and its kind",
    2: "structured abstract",
    3: "background, intended use",
    4: "aims and hypotheses",
    5: "prospective or retrospective",
    6: "goal of the study",
    7: "sources of the data",
    8: "which cases were taken in and left out",
    9: "preprocessing",
    10: "selection of subsets of the data",
    11: "de-identification",
    12: "missing data",
    13: "how images were acquired",
    14: "what the reference standard is",
    15: "why this reference standard",
    16: "who annotated",
    17: "how the test films were annotated",
    18: "agreement between and within annotators",
    19: "assignment to partitions",
    20: "level at which partitions are disjoint",
    21: "intended sample size",
    22: "the model",
    23: "software",
    24: "initialisation",
    25: "training",
    26: "selection of the final model",
    27: "ensembles",
    28: "metrics",
    29: "uncertainty and significance",
    30: "robustness",
    31: "explainability",
    32: "testing on internal data",
    33: "testing on external data",
    34: "registration of a trial",
    35: "numbers taken in and left out",
    36: "cases by partition",
    37: "performance on all partitions and data",
    38: "diagnostic performance with its precision",
    39: "failures",
    40: "limits",
    41: "what it means for practice",
    42: "full protocol",
    43: "where software, model and data are",
    44: "funding",
}


@dataclass(frozen=True)
class Item:
    """An item; `text` is AUTHORS where the run tells nothing of it."""

    number: int
    topic: str
    text: str


def draft_claim(e: Evidence, answers: Sequence[Answer]) -> tuple[Item, ...]:
    """Return all items with what the run tells of them."""
    found = {answer.key: answer for answer in answers}
    return tuple(Item(n, topic, _text(n, e, found)) for n, topic in TOPICS.items())


def _text(number: int, e: Evidence, found: dict[str, Answer]) -> str:
    if number in FROM_RUN:
        text = FROM_RUN[number](e)
    else:
        text = found[FROM_ANSWERS[number]].reason if number in FROM_ANSWERS else ""
    if not text:
        return AUTHORS
    return f"{text} Rest: {AUTHORS}." if number in PARTLY else text


def _preprocessing(e: Evidence) -> str:
    data, cleaned = e.run.config.data, e.report.cleaning
    size = f"{data.image_size} px" if data.image_size else "the backbone's input size"
    markers = f"text markers were erased (detector {cleaned.detector})" if cleaned else "text markers were left in"
    return f"Films are grey, resized to {size} ({data.resize}) and normalised; {markers}."


def _missing(e: Evidence) -> str:
    left = e.report.data.left_out if e.report.data else 0
    return f"{left} files could not be read and were left out."


def _partitions(e: Evidence) -> str:
    parts = [(name, count_records(usable(e.run.records, name))) for name in ("train", "val", "test")]
    told = ", ".join(f"{name} {c.groups} groups ({c.films} films, {c.files} files)" for name, c in parts)
    return f"By group: {told}." + (f" {e.run.folds} folds of train and val." if e.run.folds else "")


def _disjoint(e: Evidence) -> str:
    unit = "patient" if e.test_leaks.unit == "patient" else "film and its copies; patients are not named"
    return f"{'NOT disjoint: ' + e.run.stamp if e.run.stamp else 'Disjoint by ' + unit}."


def _model(e: Evidence) -> str:
    model = e.run.config.model
    head = f"a head of {model.hidden} hidden units" if model.hidden else "a linear head"
    return f"{model.backbone} (timm) with {head}; {len(e.classes)} classes: {', '.join(e.classes)}."


def _software(e: Evidence) -> str:
    return ", ".join(f"{name} {text}" for name, text in e.report.training.environment) if e.report.training else ""


def _training(e: Evidence) -> str:
    optim, augment = e.run.config.optim, e.run.config.augment
    head = f"{optim.epochs[0]} epochs of AdamW at most, learning rate {optim.head_lr:g}"
    if optim.head == "probe":
        views = f"{optim.epochs[0]} view{'s' if optim.epochs[0] > 1 else ''} a film"
        head = f"logistic regression on the frozen backbone's features, {views}"
    tuned = (
        f"{optim.epochs[1]} epochs of AdamW at most, learning rates {optim.finetune_head_lr:g} (head) and "
        f"{optim.finetune_backbone_lr:g} (backbone), loss {optim.loss}, patience {optim.patience}"
    )
    augmented = augment.enabled and not (e.is_probe and optim.epochs[0] == 1)  # a probe's first view is the film itself
    return (
        f"Head: {head}. Fine-tuning: {tuned if optim.epochs[1] else 'none'}. Augmentation "
        f"{'on' if augmented else 'off'}; batch {e.run.config.data.batch_size}, seed {e.run.config.seed}. "
        "All settings: config.yaml."
    )


def _selection(e: Evidence) -> str:
    best = e.report.training.best if e.report.training else ""
    return f"{best}." if best else ""


def _ensemble(e: Evidence) -> str:
    if not (e.run.folder / "model.json").is_file():
        return ""
    members = int(read_json(e.run.folder / "model.json").get("members", 1))
    return f"Mean of the probabilities of {members} models, one a fold." if members > 1 else "None: a single model."


def _metrics(e: Evidence) -> str:
    return f"{', '.join(figure.name for figure in e.scores.film.figures)}; by file, film and group." if e.scores else ""


def _uncertainty(e: Evidence) -> str:
    return "95 % intervals by resampling groups; none covers the choice of training films or seed." if e.scores else ""


def _explained(e: Evidence) -> str:
    if e.report.attention is None:
        return ""
    return f"Class activation maps of {e.report.attention.films} films (cam/); they were not validated."


def _performance(e: Evidence) -> str:
    told = [(scores.name, scores) for scores in (*e.report.splits, *e.report.others)]
    told = ([("test", e.scores)] if e.scores else []) + told
    lines = (f"{name}: {s.film.headline.name} {s.film.headline.text} by film" for name, s in told)
    return "; ".join(lines) + "." if told else ""


def _precision(e: Evidence) -> str:
    names = ("sensitivity", "specificity", "PPV", "NPV")
    figures = [f for f in e.scores.film.figures if f.name in names or f.name.startswith("recall")] if e.scores else []
    return "; ".join(f"{f.name} {f.text}" for f in figures) + "." if figures else ""


def _failures(e: Evidence) -> str:
    if e.scores is None:
        return ""
    wrong = sum(n for i, row in enumerate(e.scores.film.confusion) for j, n in enumerate(row) if i != j)
    return f"{wrong} of {e.scores.n_films} films are decided wrongly; predictions.csv names them."


FROM_RUN: dict[int, Callable[[Evidence], str]] = {
    9: _preprocessing,
    12: _missing,
    19: _partitions,
    20: _disjoint,
    22: _model,
    23: _software,
    25: _training,
    26: _selection,
    27: _ensemble,
    28: _metrics,
    29: _uncertainty,
    31: _explained,
    35: _missing,
    36: _partitions,
    37: _performance,
    38: _precision,
    39: _failures,
}

FROM_ANSWERS = {21: "size", 24: "initialisation", 30: "markers", 32: "score", 33: "external"}

PARTLY = frozenset({12, 21, 30, 33, 35, 36, 39})  # the run knows a part of these
