"""Questions about the films and how the model was made: leaks, size, metadata, selection, initialisation."""

import re
from dataclasses import replace
from pathlib import Path

from fxkit.audit.evidence import Evidence, MetadataBaseline
from fxkit.audit.rules import ENOUGH, FEW, Answer, Colour
from fxkit.config import ModelConfig
from fxkit.data.leaks import count_equal_names
from fxkit.data.manifest import count_records, usable
from fxkit.data.site_classes import find_site_classes
from fxkit.index.datacard.verdicts import ABOVE, FAR_ABOVE, NONE
from fxkit.models.run_folder import read_json
from fxkit.report.results import headline_text
from preprocess.words import amount

INDEX = "fxkit index DATA --out manifest.csv"

OTHER_PRETRAINING = re.compile(r"in12k|in2[12]k|ig\d|jft|laion|yfcc|cc12m|ssl|swsl|clip|openai|lvd|webli|dfn|m\d+m")


def ask_leak(evidence: Evidence) -> Answer:
    """Ask whether tested films, or other films of their groups, were in training."""
    run, tested, leak, val_leak = evidence.run, evidence.tested, evidence.test_leaks, evidence.val_leaks
    answer = Answer(
        "leak", "Do training data leak into the test set?", "grey", "", files=(run.folder / "manifest.csv",)
    )
    if not tested:
        reason = "The manifest has no test film and no fold, so nothing was tested."
        return replace(answer, reason=reason, command=INDEX)
    files = usable(run.records)
    facts: tuple[tuple[str, str], ...] = (
        ("tested files", str(len(tested))),
        ("of them copies of a training film", str(leak.leaked_files)),
        ("of them other films of a training group", str(leak.grouped_files - leak.leaked_files)),
        ("validation files of a training group", str(val_leak.grouped_files)),
        ("files with a named patient", f"{sum(bool(r.patient) for r in files)} of {len(files)}"),
    )
    if n_alike := _count_alike(evidence):
        facts += (("further files with the file name of a training film; no pixels were compared", str(n_alike)),)
    answer = replace(answer, facts=facts)
    if evidence.source and not evidence.source.n_trained:
        reason = "The films that the model was trained on are not known, so they could not be compared."
        return replace(answer, reason=reason, command=f"{evidence.evaluate_command} --trained-on TRAIN")
    stamps = (evidence.scores.stamp if evidence.scores else "", run.stamp)
    fold_stamp = next((stamp for stamp in stamps if "folds" in stamp), "")
    if leak.grouped_files or fold_stamp:
        return replace(answer, colour="red", reason=f"Yes: {leak.text or fold_stamp}.", command=_unseen(evidence))
    if val_leak.grouped_files:
        reason = f"Not into the test set, but {val_leak.text}. The epoch was chosen on films that training had seen."
        return replace(answer, colour="amber", reason=reason, command=_unseen(evidence))
    if not all(r.patient for r in files):
        reason = (
            "No copy of a tested film was found in training. But not all files have a named patient, and file names, "
            f"bytes and pixels cannot show that two films belong to one patient.{_alike(n_alike)}"
        )
        again = evidence.evaluate_command if evidence.source else INDEX
        return replace(answer, colour="amber", reason=reason, command=f"{again}   # with a column patient")
    reason = f"No: no film and no patient of the {amount(len(tested), 'tested file')} is also in training."
    reason += _alike(n_alike)
    return replace(answer, colour="green", reason=reason)


def _count_alike(evidence: Evidence) -> int:
    """Count test files with the names of training films: a hint and no leak, because data sets number their films."""
    by_names = evidence.source is not None and "pixels" not in evidence.source.compared
    return count_equal_names(evidence.run.records) if by_names else 0


def _alike(n: int) -> str:
    """Return a sentence about test files with the names of training films; "" if there are none."""
    if not n:
        return ""
    return f" {amount(n, 'file has', 'files have')} the name of a training film in another folder, which is no proof."


def _unseen(evidence: Evidence) -> str:
    """Return the command that makes a score of films that training has not seen."""
    return evidence.evaluate_films("UNSEEN_FILMS") if evidence.source else INDEX


def ask_size(evidence: Evidence) -> Answer:
    """Ask how many independent groups were tested."""
    tested, manifest = evidence.tested, evidence.run.folder / "manifest.csv"
    answer = Answer("size", "Are enough independent cases tested?", "grey", "", files=(manifest,))
    if not tested:
        return replace(answer, reason="The manifest has no test film and no fold.", command=INDEX)
    label, n_rarest = evidence.rarest_class
    total, unit = count_records(tested), "patient" if all(r.patient for r in tested) else "group"
    colour: Colour = "red" if n_rarest < FEW else "green" if n_rarest >= ENOUGH and unit == "patient" else "amber"
    reason = (
        f"The {amount(total.files, 'tested file shows', 'tested files show')} {amount(total.films, 'film')} of "
        f"{amount(total.groups, unit)}. The rarest class, {label}, has {amount(n_rarest, unit)}."
    )
    facts = (
        ("files", str(total.files)),
        ("films", str(total.films)),
        (f"{unit}s", str(total.groups)),
        (f"{unit}s of the rarest class", f"{n_rarest} ({label})"),
        ("files a film", f"{total.files / total.films:.1f}"),
    )
    command = "" if colour == "green" else evidence.evaluate_films("MORE_FILMS")
    return replace(answer, colour=colour, reason=reason, facts=facts, command=command)


def ask_metadata(evidence: Evidence) -> Answer:
    """Ask whether metadata and markers predict the class without the image."""
    answer = Answer("metadata", "Do metadata alone predict the class?", "grey", "")
    baseline, n_files = evidence.metadata, len(usable(evidence.run.records))
    by_site = find_site_classes(evidence.run.records)
    if by_site:
        return replace(answer, colour="red", reason=f"Yes: {by_site}.", files=(evidence.run.folder / "manifest.csv",))
    if baseline is None or not baseline.verdict:
        missing = "No data card was given, and there is none in the run folder."
        reason = "The data card has no metadata baseline." if baseline else missing
        command = f"{INDEX} && fxkit audit {evidence.quoted_folder} --data-card data.json"
        return replace(answer, reason=reason, command=command)
    strongest = baseline.strongest
    figure = f"{baseline.kind} {strongest.text}" if strongest else "no figure is defined"
    facts = [("verdict", baseline.verdict), ("strongest figure, AUROC", figure)]
    if evidence.scores:
        facts.append(("the model's", headline_text(evidence.scores)))
    facts.append(("files of this run that the card describes", f"{baseline.n_described} of {n_files}"))
    answer = replace(answer, facts=tuple(facts), files=(baseline.file,))
    other = _describe_other_films(baseline, n_files)
    if other:
        return replace(answer, colour="amber", reason=f"{other}; a card of the same films is needed.", command=INDEX)
    colours: dict[str, Colour] = {FAR_ABOVE: "red", ABOVE: "amber", NONE: "green"}
    conclusions = {FAR_ABOVE: "Yes, far above chance", ABOVE: "Yes, above chance", NONE: "No evidence that they do"}
    auroc = "no AUROC is defined"
    if strongest:
        auroc = f"the highest AUROC without the image is {strongest.text}, from {baseline.kind}"
    reason = f"{conclusions.get(baseline.verdict, 'Undecided')}: {auroc}."
    return replace(answer, colour=colours.get(baseline.verdict, "amber"), reason=reason)


def _describe_other_films(baseline: MetadataBaseline, n_files: int) -> str:
    """Return how the films of a data card differ from those of the run; "" if they are the same."""
    differences = []
    if baseline.n_described < n_files:
        differences.append(f"describes {baseline.n_described} of this run's {amount(n_files, 'file')}")
    if baseline.n_further:
        differences.append(f"describes {amount(baseline.n_further, 'file')} that this run does not have")
    if baseline.n_changed:
        differences.append(f"was made when {amount(baseline.n_changed, 'file')} had other bytes")
    if baseline.n_relabelled:
        differences.append(f"was made when {amount(baseline.n_relabelled, 'file')} had another class")
    if not (differences or baseline.is_bound):
        differences.append(
            "or the manifest does not record the hashes of the films, so they may be others of the same names"
        )
    return f"The data card {', and '.join(differences)}" if differences else ""


def ask_selection(evidence: Evidence) -> Answer:
    """Ask whether the test set had a part in choosing the model, as far as files can show."""
    run, siblings = evidence.run, evidence.siblings
    test, val = ({r.film for r in usable(run.records, part)} for part in ("test", "val"))
    n_shared = len(test & val)
    facts = (
        ("epoch", (evidence.report.training.best if evidence.report.training else "") or "not recorded"),
        ("validation films that are test films", str(n_shared)),
        ("other runs beside with figures of the same manifest", ", ".join(siblings) or "none"),
        ("folds", str(run.folds) if run.folds else "none"),
    )
    files = tuple(file for file in (run.folder / "phases.json", run.folder / "config.yaml") if file.is_file())
    answer = Answer("selection", "Was the test set used to choose the model?", "amber", "", facts, files)
    if n_shared:
        reason = (
            f"Yes: {amount(n_shared, 'test film is', 'test films are')} also in the validation set, on which the epoch "
            "was chosen."
        )
        return replace(answer, colour="red", reason=reason, command=INDEX)
    if siblings:
        reason = (
            f"Possibly: {len(siblings)} other {'runs' if len(siblings) > 1 else 'run'} in the same folder had the same "
            "test films. If this run was chosen for its score, the score is too optimistic."
        )
        return replace(answer, reason=reason, command=evidence.evaluate_films("FILMS_NEVER_USED"))
    if evidence.source:
        reason = "Predictions do not show how the model was chosen: report on which films each choice was made."
        return replace(answer, colour="grey", reason=reason)
    if not (evidence.epoch_is_recorded or run.folds or evidence.is_probe):
        return replace(answer, reason="The run folder does not record on which films the epoch was chosen.")
    choice = "no epoch was chosen" if evidence.is_probe else "the epoch was chosen on validation films"
    reason = (
        f"No: {choice}, and no other run in the same folder was evaluated on the same test films. Scores that were "
        "looked at elsewhere leave no trace here."
    )
    return replace(answer, colour="green", reason=reason)


def ask_initialisation(evidence: Evidence) -> Answer:
    """Ask which weights the training started from."""
    run = evidence.trained_run
    question = "Which weights did the training start from?"
    if run is None:
        reason = "Predictions do not show it: report the weights, and on which films they were pretrained."
        return Answer("initialisation", question, "grey", reason)
    settings = run.config.model
    facts = (
        ("backbone", settings.backbone),
        ("weights", settings.weights or ("timm's hub" if settings.pretrained else "none")),
        ("seed", str(run.config.seed)),
    )
    colour, reason = _judge_initialisation(run.folder, settings)
    files = (run.folder / "config.yaml",)
    return Answer("initialisation", question, colour, reason, facts, files)


def _judge_initialisation(folder: Path, settings: ModelConfig) -> tuple[Colour, str]:
    if settings.weights:
        return "amber", "From a weights file. It is not known whether its pretraining included test films."
    if not settings.pretrained:
        return "green", "From random weights: there was no pretraining."
    tag = weights_tag(folder, settings)
    if "in1k" in tag and not OTHER_PRETRAINING.search(tag):
        return "green", f"From ImageNet-1k weights ({tag}). Its 1,000 classes contain no radiographs."
    return (
        "amber",
        f"From weights ({tag or 'no tag'}) that were pretrained on more than ImageNet-1k, or on unknown data.",
    )


def weights_tag(folder: Path, model: ModelConfig) -> str:
    """Return the tag of the pretrained weights that a run started from, such as a1_in1k; "" if it is unknown.

    Runs of older versions did not record it. For them timm is asked; without timm, a tag in the backbone's name counts.
    """
    environment = folder / "environment.json"
    recorded = read_json(environment).get("pretrained_tag") if environment.is_file() else None
    if recorded is not None:
        return str(recorded)
    try:
        from fxkit.models.backbones import pretrained_tag  # imports timm and torch, which take seconds
    except ImportError:
        return model.backbone.partition(".")[2]
    return pretrained_tag(model)
