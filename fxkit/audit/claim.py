"""Draft of the CLAIM 2024 checklist: the items that a run can answer, and the items that the authors must fill in.

The numbers are those of the 2024 update. The topics are in our own words: compare them with the published table before
you submit the checklist.

Source: Tejani et al. 2024, "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update",
https://doi.org/10.1148/ryai.240300
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fxkit.audit.evidence import Evidence
from fxkit.audit.rules import Answer
from fxkit.data.manifest import count_records, usable
from fxkit.data.positive import positive_line
from fxkit.metrics.names import metric_name
from fxkit.models.model_json import read_card
from fxkit.report.results import headline_text
from preprocess.words import amount

AUTHORS = "to be filled in by the authors"


TOPICS: dict[int, str] = {
    1: "title names the AI method",
    2: "structured abstract",
    3: "background and intended use",
    4: "aims and hypotheses",
    5: "prospective or retrospective design",
    6: "goal of the study",
    7: "sources of the data",
    8: "criteria for including and excluding cases",
    9: "preprocessing",
    10: "selection of subsets of the data",
    11: "de-identification",
    12: "missing data",
    13: "how images were acquired",
    14: "definition of the reference standard",
    15: "reason for this reference standard",
    16: "annotators and their experience",
    17: "annotation of the test films",
    18: "agreement between and within annotators",
    19: "assignment to partitions",
    20: "level at which the partitions are disjoint",
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
    35: "numbers of included and excluded cases",
    36: "cases by partition",
    37: "performance on all partitions and data",
    38: "diagnostic performance with intervals",
    39: "wrong predictions",
    40: "limitations",
    41: "meaning for clinical practice",
    42: "full protocol",
    43: "where to find software, model and data",
    44: "funding",
}


@dataclass(frozen=True)
class Item:
    """An item of the checklist; `text` is AUTHORS if the run contains nothing about it."""

    number: int
    topic: str
    text: str


def draft_claim(evidence: Evidence, answers: Sequence[Answer]) -> tuple[Item, ...]:
    """Fill in all items that the run and the answers of the audit say something about."""
    by_key = {answer.key: answer for answer in answers}
    return tuple(Item(number, topic, _text(number, evidence, by_key)) for number, topic in TOPICS.items())


def _text(number: int, evidence: Evidence, answers: dict[str, Answer]) -> str:
    if number in FROM_RUN:
        text = FROM_RUN[number](evidence)
    else:
        text = answers[FROM_ANSWERS[number]].reason if number in FROM_ANSWERS else ""
    if not text:
        return AUTHORS
    return f"{text} Rest: {AUTHORS}." if number in PARTLY else text


def _describe_preprocessing(evidence: Evidence) -> str:
    if evidence.trained_run is None:
        return f"{'; '.join(evidence.source.model_input[:2])}." if evidence.source and evidence.source.model else ""
    data, cleaned = evidence.trained_run.config.data, evidence.report.cleaning
    size = f"{data.image_size} px" if data.image_size else "the backbone's input size"
    markers = f"text markers were erased (detector {cleaned.detector})" if cleaned else "text markers were not erased"
    return f"Films are converted to grey, resized to {size} ({data.resize}) and normalised; {markers}."


def _describe_missing(evidence: Evidence) -> str:
    n_unreadable = evidence.report.data.left_out if evidence.report.data else 0
    return f"{amount(n_unreadable, 'unreadable file was', 'unreadable files were')} left out."


def _describe_partitions(evidence: Evidence) -> str:
    parts = [(name, count_records(usable(evidence.run.records, name))) for name in ("train", "val", "test")]
    sizes = ", ".join(
        f"{name} {amount(c.groups, 'group')} ({amount(c.films, 'film')}, {amount(c.files, 'file')})"
        for name, c in parts
    )
    folds = f" Train and val are divided into {evidence.run.folds} folds." if evidence.run.folds else ""
    return f"Split by group: {sizes}.{folds}"


def _describe_disjoint(evidence: Evidence) -> str:
    unit = "patient" if evidence.test_leaks.unit == "patient" else "film and its copies; patients are not named"
    return f"{'NOT disjoint: ' + evidence.run.stamp if evidence.run.stamp else 'Disjoint by ' + unit}."


def _describe_model(evidence: Evidence) -> str:
    if evidence.trained_run is None:
        return _describe_given_model(evidence)
    model = evidence.trained_run.config.model
    head = f"a head of {model.hidden} hidden units" if model.hidden else "a linear head"
    positive = f"; {positive_line(evidence.run.classes)}" if positive_line(evidence.run.classes) else ""
    classes = f"{len(evidence.classes)} classes: {', '.join(evidence.classes)}"
    return f"{model.backbone} (timm) with {head}; {classes}{positive}."


def _describe_given_model(evidence: Evidence) -> str:
    source = evidence.source
    if source is None or not source.model:
        return ""
    sha256 = f", SHA-256 {source.model_sha256}" if source.model_sha256 else ""
    return f"{source.model}, made elsewhere{sha256}; classes: {', '.join(evidence.run.classes)}."


def _describe_software(evidence: Evidence) -> str:
    training = evidence.report.training
    return ", ".join(f"{name} {version}" for name, version in training.environment) if training else ""


def _describe_training(evidence: Evidence) -> str:
    if evidence.trained_run is None:
        return ""
    config = evidence.trained_run.config
    optim, augment = config.optim, config.augment
    head = f"{_at_most_epochs(optim.epochs[0])} of AdamW, learning rate {optim.head_lr:g}"
    if optim.head == "probe":
        views = f"{optim.epochs[0]} view{'s' if optim.epochs[0] > 1 else ''} per film"
        head = f"logistic regression on the frozen backbone's features, {views}"
    tuned = (
        f"{_at_most_epochs(optim.epochs[1])} of AdamW, learning rates {optim.finetune_head_lr:g} (head) and "
        f"{optim.finetune_backbone_lr:g} (backbone), loss {optim.loss}, patience {optim.patience}"
    )
    shows_films_only = evidence.is_probe and optim.epochs[0] == 1  # the first view of a probe is the film itself
    return (
        f"Head: {head}. Fine-tuning: {tuned if optim.epochs[1] else 'none'}. Augmentation "
        f"{'on' if augment.enabled and not shows_films_only else 'off'}; batch size {config.data.batch_size}, seed "
        f"{config.seed}. All settings: config.yaml."
    )


def _at_most_epochs(n: int) -> str:
    return f"at most {n} epoch{'' if n == 1 else 's'}"


def _describe_selection(evidence: Evidence) -> str:
    best = evidence.report.training.best if evidence.report.training else ""
    return f"{best}." if best else ""


def _describe_ensemble(evidence: Evidence) -> str:
    if not (evidence.run.folder / "model.json").is_file():
        return ""
    members = read_card(evidence.run.folder).members
    return f"Mean of the probabilities of {members} models, one per fold." if members > 1 else "None: a single model."


def _describe_metrics(evidence: Evidence) -> str:
    if evidence.scores is None:
        return ""
    names = ", ".join(map(metric_name, evidence.scores.metrics.film.figures))
    return f"{names}; by file, film and group."


def _describe_uncertainty(evidence: Evidence) -> str:
    if evidence.scores is None:
        return ""
    return "95 % intervals by resampling groups; they do not cover the choice of training films or of the seed."


def _describe_maps(evidence: Evidence) -> str:
    summary = evidence.report.attention.summary if evidence.report.attention else None
    if summary is None:
        return ""
    return f"Class activation maps of {amount(summary.n_films, 'film')} (cam/). The maps were not validated."


def _describe_performance(evidence: Evidence) -> str:
    named = [(scores.name, scores) for scores in (*evidence.report.splits, *evidence.report.others)]
    named = ([("test", evidence.scores)] if evidence.scores else []) + named
    lines = (f"{name}: {headline_text(s)} by film" for name, s in named)
    return "; ".join(lines) + "." if named else ""


def _describe_precision(evidence: Evidence) -> str:
    keys = ("sensitivity", "specificity", "ppv", "npv")
    figures = evidence.scores.metrics.film.figures if evidence.scores else {}
    texts = [f"{metric_name(k)} {f.text}" for k, f in figures.items() if k in keys or k.startswith("recall_")]
    return "; ".join(texts) + "." if texts else ""


def _describe_wrong_predictions(evidence: Evidence) -> str:
    if evidence.scores is None:
        return ""
    metrics = evidence.scores.metrics
    wrong = sum(n for i, row in enumerate(metrics.film.confusion) for j, n in enumerate(row) if i != j)
    return (
        f"{wrong} of {amount(metrics.n_films, 'film is', 'films are')} classified wrongly; "
        f"predictions.csv lists the predictions."
    )


FROM_RUN: dict[int, Callable[[Evidence], str]] = {
    9: _describe_preprocessing,
    12: _describe_missing,
    19: _describe_partitions,
    20: _describe_disjoint,
    22: _describe_model,
    23: _describe_software,
    25: _describe_training,
    26: _describe_selection,
    27: _describe_ensemble,
    28: _describe_metrics,
    29: _describe_uncertainty,
    31: _describe_maps,
    35: _describe_missing,
    36: _describe_partitions,
    37: _describe_performance,
    38: _describe_precision,
    39: _describe_wrong_predictions,
}

FROM_ANSWERS = {21: "size", 24: "initialisation", 30: "markers", 32: "score", 33: "external"}

PARTLY = frozenset({12, 21, 30, 33, 35, 36, 39})  # the run answers only a part of these
