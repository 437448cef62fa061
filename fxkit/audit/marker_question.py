"""The question about markers: does the model rely on them, as far as an ablation of the same models and films shows?"""

import shlex
from dataclasses import replace

from fxkit.audit.evidence import Evidence
from fxkit.audit.marker_recall import add_sample
from fxkit.audit.rules import DROP, Answer, Colour
from fxkit.data.manifest import films_hash, usable
from fxkit.metrics.scores import p_text
from fxkit.report.ablation import Ablation
from fxkit.report.made_with import describe_differences
from fxkit.report.marker_verdict import MARKERS
from preprocess.files import sha256_of
from preprocess.words import amount


def ask_markers(evidence: Evidence) -> Answer:
    """Ask whether the model relies on text markers, and whether many are left on the cleaned films."""
    return add_sample(_ask_ablation(evidence), evidence.sample)


def _ask_ablation(evidence: Evidence) -> Answer:
    answer = Answer("markers", "Does the model rely on markers?", "grey", "")
    command, ablation = _find_command(evidence), evidence.ablation
    if evidence.trained_run is None and ablation is None:
        alone = evidence.source is None or not evidence.source.model
        shown = "Predictions alone do not show it" if alone else "It was not tested"
        reason = f"{shown}: the model must predict films whose markers are erased."
        return replace(answer, reason=reason, command=command)
    if ablation is None:
        return replace(answer, reason="There is no marker ablation in the run folder.", command=command)
    if ablation.n_erased == 0:
        reason = "The ablation erased no marker on any test film, so it compared nothing."
        return replace(answer, reason=reason, command=command)
    models = ablation.mode
    if ablation.is_given:
        models = f"{ablation.model or 'the given model'}, tested as it is; nothing was trained"
    facts = [("verdict", ablation.verdict), ("models", models), ("seeds", ", ".join(map(str, ablation.seeds)))]
    films = f"{ablation.n_films} of {amount(ablation.n_groups, 'group')}, {amount(ablation.n_files, 'file')}"
    facts += [("test films", films), ("cleaned", ablation.cleaned.text)]
    facts += [(f"{c.text} ({p_text(c.p)})", c.interval.signed) for c in ablation.contrasts]
    files = (evidence.ablation_file,) if evidence.ablation_file else ()
    return _judge(replace(answer, facts=tuple(facts), files=files), evidence, ablation, command)


def _find_command(evidence: Evidence) -> str:
    """Return the command that tests the model, trained by fxkit or given."""
    folder, source = evidence.quoted_folder, evidence.source
    if evidence.trained_run is not None:
        films = f"--manifest {folder}/manifest.csv --root {shlex.quote(str(evidence.run.root))}"
        training = f"--config {folder}/config.yaml" + ("" if evidence.is_probe else " --full --folds 0")
        return f"fxkit ablate {MARKERS} {films} {training} --out {folder}"
    again = " --overwrite" if evidence.ablation else ""
    if source is not None and source.model:
        return f"fxkit ablate {MARKERS} {source.model_command} --out {folder}{again}"
    root = "" if evidence.run.has_films else "--root FILMS "
    return f"fxkit ablate {MARKERS} --model MODEL {root}--out {folder}{again}"


def _judge(answer: Answer, evidence: Evidence, ablation: Ablation, command: str) -> Answer:
    """Return the answer with the colour of the ablation's verdict, if the ablation counts for this run."""
    colours: dict[str, Colour] = {"reliance": "red", "no evidence": "green"}
    reason = ablation.reason[:1].upper() + ablation.reason[1:].rstrip(".")
    doubts = find_doubts(evidence, ablation)
    if doubts:
        reason = f"{reason}. This does not count for this run: {'; '.join(doubts)}."
        return replace(answer, colour="amber", reason=reason, command=command)
    colour = colours.get(ablation.verdict, "amber")
    if ablation.findings:
        reason = f"{reason}. Besides, {'; '.join(ablation.findings)}"
        colour = "amber" if colour == "green" else colour
    return replace(answer, colour=colour, reason=f"{reason}.")


def find_doubts(evidence: Evidence, ablation: Ablation) -> list[str]:
    """Return the reasons why the result of an ablation does not count for this run."""
    run, is_full = evidence.trained_run, ablation.mode == "full"
    if ablation.is_given:
        return _find_doubts_of_given(evidence, ablation)
    if run is None:
        return ["the ablation does not say that it tested the model behind these predictions"]
    doubts = []
    if not is_full and not evidence.is_probe:
        doubts.append("the ablation tested linear heads on frozen features, and this model is not one")
    if is_full and evidence.is_probe:
        doubts.append("the ablation tested models trained in full, and this model is a linear probe")
    if ablation.backbone != run.config.model.backbone:
        backbone = f"the backbone {ablation.backbone}" if ablation.backbone else "a backbone that it does not name"
        doubts.append(f"the ablation tested {backbone}")
    if not ablation.made_with:
        doubts.append("the ablation does not record its image size, weights and settings, as in version 0.1.0")
    differences = describe_differences(ablation.made_with, evidence.made_with)
    if differences:
        doubts.append(f"the ablation's models were made with another {' and '.join(differences)}")
    doubts += _find_common_doubts(ablation)
    if run.cleaning is not None:
        doubts.append("the ablation's models were trained on raw films, and this model on cleaned films")
    if ablation.manifest != films_hash(run.records, split=not ablation.folds):
        manifest = "another manifest" if ablation.manifest else "a manifest that it does not name"
        doubts.append(f"the ablation used {manifest}, so its films or its split differ")
    n_unhashed = sum(not r.sha256 for r in usable(run.records))
    if n_unhashed:
        doubts.append(
            f"the manifest has no hash of {amount(n_unhashed, 'file')}, so the ablation may have used other films of "
            "the same names; make the manifest with `fxkit index`"
        )
    return doubts


def _find_common_doubts(ablation: Ablation) -> list[str]:
    doubts = []
    if ablation.margin > DROP:
        doubts.append(f"the ablation allows a loss of {ablation.margin:.2f}, where at most {DROP:.2f} is expected")
    if ablation.stamp:
        doubts.append(f"the ablation's split leaks ({ablation.stamp})")
    return doubts


def _find_doubts_of_given(evidence: Evidence, ablation: Ablation) -> list[str]:
    """Return the reasons why the test of a given model does not count for these predictions.

    It counts if the model gave these predictions for the raw films: then neither its name nor its settings matter.
    """
    doubts, file = _find_common_doubts(ablation), evidence.run.folder / "predictions.csv"
    if not ablation.predictions:
        doubts.append(
            "the given model was not compared with these predictions: run the ablation with --out of this folder"
        )
    elif not file.is_file() or sha256_of(file) != ablation.predictions:
        doubts.append("the given model was compared with other predictions than those in predictions.csv now")
    if ablation.manifest != films_hash(evidence.tested, split=False):
        doubts.append("the ablation tested other films than the score, or their groups differ")
    return doubts
