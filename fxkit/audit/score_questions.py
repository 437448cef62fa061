"""Questions about the score: chance, markers, calibration, other data, subgroups."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.audit.evidence import MARKERS, Evidence
from fxkit.audit.rules import CHANCE, DROP, FEW, GAP, MAX_CALIBRATION_ERROR, WIDE, Answer, Colour
from fxkit.data.manifest import films_hash
from fxkit.report.results import Ablation, Estimate, Part, Scores

IDEAL_VALUES = {"calibration slope": 1.0, "calibration in the large": 0.0}


def ask_score(evidence: Evidence) -> Answer:
    """Ask whether the score is better than chance."""
    answer = Answer("score", "Is the score better than chance?", "grey", "")
    if evidence.scores is None:
        command = f"fxkit evaluate {evidence.quoted_folder}"
        return replace(answer, reason="The run was not evaluated.", command=command)
    film = evidence.scores.film
    facts = tuple((figure.name, figure.text) for figure in film.figures)
    answer = replace(answer, facts=facts, files=_metrics_files(evidence))
    headline = film.headline
    score = f"the {headline.name} by film is {headline.text}"
    if math.isnan(headline.low):
        return replace(answer, colour="amber", reason=f"Not shown: {score}, without a defined interval.")
    if headline.low <= CHANCE:
        return replace(answer, colour="red", reason=f"Not shown: {score}, which is not clearly above {CHANCE}.")
    if headline.high - headline.low > WIDE:
        return replace(answer, colour="amber", reason=f"Yes, but the interval is wide: {score}.")
    return replace(answer, colour="green", reason=f"Yes: {score}.")


def _metrics_files(evidence: Evidence) -> tuple[Path, ...]:
    names = ("metrics.json", "metrics_out_of_fold.json", "predictions.csv")
    files = (evidence.run.folder / name for name in names)
    return tuple(file for file in files if file.is_file())


def ask_markers(evidence: Evidence) -> Answer:
    """Ask whether the model relies on text markers."""
    answer = Answer("markers", "Does the model rely on markers?", "grey", "")
    folder = evidence.quoted_folder
    films = f"--manifest {folder}/manifest.csv --root {shlex.quote(str(evidence.run.root))}"
    training = f"--config {folder}/config.yaml" + ("" if evidence.is_probe else " --full --folds 0")
    command = f"fxkit ablate {MARKERS} {films} {training} --out {folder}"
    ablation = evidence.ablation
    if ablation is None:
        return replace(answer, reason="There is no marker ablation in the run folder.", command=command)
    if ablation.n_erased == 0:
        reason = "The ablation erased no marker on any test film, so it compared nothing."
        return replace(answer, reason=reason, command=command)
    facts = [("verdict", ablation.verdict), ("models", ablation.mode), ("seeds", ", ".join(ablation.seeds))]
    facts += [("test films", f"{ablation.n_films} of {ablation.n_groups} groups, {ablation.n_files} files")]
    facts += [(difference.name, difference.signed) for difference in ablation.differences]
    files = (evidence.ablation_file,) if evidence.ablation_file else ()
    answer = replace(answer, facts=tuple(facts), files=files)
    colours: dict[str, Colour] = {"reliance": "red", "no evidence": "green"}
    reason = ablation.reason[:1].upper() + ablation.reason[1:].rstrip(".")
    doubts = find_doubts(evidence, ablation)
    if doubts:
        reason = f"{reason}. This may not apply to this run: {'; '.join(doubts)}."
        return replace(answer, colour="amber", reason=reason, command=command)
    return replace(answer, colour=colours.get(ablation.verdict, "amber"), reason=f"{reason}.")


def find_doubts(evidence: Evidence, ablation: Ablation) -> list[str]:
    """Return the reasons why the result of an ablation may not apply to this run."""
    run, is_full = evidence.run, ablation.mode == "full"
    doubts = []
    if not is_full and not evidence.is_probe:
        doubts.append("the ablation tested linear heads on frozen features, and this model is not one")
    if is_full and evidence.is_probe:
        doubts.append("the ablation tested models trained in full, and this model is a linear probe")
    if ablation.backbone != run.config.model.backbone:
        backbone = f"the backbone {ablation.backbone}" if ablation.backbone else "a backbone that it does not name"
        doubts.append(f"the ablation tested {backbone}")
    if run.cleaning is not None:
        doubts.append("the ablation's models were trained on raw films, and this model on cleaned films")
    if ablation.manifest != films_hash(run.records, split=not ablation.folds):
        manifest = "another manifest" if ablation.manifest else "a manifest that it does not name"
        doubts.append(f"the ablation used {manifest}, and so other films or another split")
    if ablation.stamp:
        doubts.append(f"the ablation's split leaks ({ablation.stamp})")
    return doubts


def ask_calibration(evidence: Evidence) -> Answer:
    """Ask whether the predicted probabilities are calibrated."""
    command = f"fxkit calibrate {evidence.quoted_folder} && fxkit evaluate {evidence.quoted_folder}"
    answer = Answer("calibration", "Are the probabilities calibrated?", "grey", "", command=command)
    details = evidence.scores.details if evidence.scores else None
    if details is None or not details.lines:
        return replace(answer, reason="The run's metrics contain no calibration.")
    lines = {line.name: line for line, _ in details.lines}
    error = lines["calibration error without chance"]
    off = [name for name, ideal in IDEAL_VALUES.items() if name in lines and not _contains(lines[name], ideal)]
    facts = tuple((line.name, f"{line.text}; {meaning}") for line, meaning in details.lines)
    answer = replace(answer, facts=facts, files=_metrics_files(evidence))
    figure = f"the calibration error by film is {error.text}"
    if error.low > MAX_CALIBRATION_ERROR:
        reason = f"No: {figure}, clearly above {MAX_CALIBRATION_ERROR}."
        return replace(answer, colour="red", reason=reason)
    if error.high <= MAX_CALIBRATION_ERROR and not off:
        reason = f"Yes: {figure}, which excludes an error above {MAX_CALIBRATION_ERROR}."
        return replace(answer, colour="green", reason=reason, command="")
    doubt = f"an error above {MAX_CALIBRATION_ERROR} is not excluded"
    if off:
        doubt = f"the interval of the {' and the '.join(off)} does not contain the ideal value"
    return replace(answer, colour="amber", reason=f"Not shown: {figure}, and {doubt}.")


def _contains(interval: Estimate, value: float) -> bool:
    return interval.low <= value <= interval.high


def ask_external(evidence: Evidence) -> Answer:
    """Ask how the model performs on data that training has not seen."""
    command = f"fxkit evaluate {evidence.quoted_folder} --data OTHER"
    answer = Answer("external", "Does the score hold on other data?", "grey", "", command=command)
    others = [scores for scores in evidence.report.others if not (scores.seen_files or scores.seen_films)]
    if not others:
        seen = ", ".join(scores.name for scores in evidence.report.others)
        reason = f"Training has seen films of {seen}." if seen else "The run was evaluated on no other data."
        return replace(answer, reason=reason)
    own = evidence.scores.film.headline if evidence.scores else None
    judged = [(judge_external(own, other), other) for other in others]
    severity: Sequence[Colour] = ("red", "amber", "green")
    (colour, judgement), worst = min(judged, key=lambda pair: (severity.index(pair[0][0]), pair[1].film.headline.value))
    facts = [(other.name, _describe_scores(other)) for other in others]
    facts += [("own films", f"{own.name} {own.text}")] if own else []
    files = tuple(evidence.run.folder / "evaluations" / other.name / "metrics.json" for other in others)
    reason = f"On {worst.name}, the {worst.film.headline.name} is {worst.film.headline.text}: {judgement}."
    return replace(answer, colour=colour, reason=reason, facts=tuple(facts), files=files)


def _describe_scores(other: Scores) -> str:
    headline = other.film.headline
    return f"{headline.name} {headline.text}, {other.n_films} films of {other.n_groups} groups"


def judge_external(own: Estimate | None, other: Scores) -> tuple[Colour, str]:
    """Compare the score on other data with the score on the run's own films; return the colour and why."""
    headline = other.film.headline
    if own is None or math.isnan(headline.low) or math.isnan(own.value) or headline.name != own.name:
        return "amber", "it cannot be compared with the score on the run's own films"
    if headline.low <= CHANCE:
        return "red", "it is not clearly above chance"
    if headline.high < own.value - DROP:
        return "red", f"it is clearly more than {DROP} below {own.value:.2f}, the score on the run's own films"
    if other.film.fewest < FEW:
        return "amber", f"the rarest class has only {other.film.fewest} groups"
    fall = f"a fall of {2 * DROP} from {own.value:.2f}, the score on the run's own films,"
    if headline.low >= own.value - 2 * DROP:
        return "green", f"{fall} is excluded"
    return "amber", f"{fall} is possible"


def ask_subgroups(evidence: Evidence) -> Answer:
    """Ask whether the model performs worse on some subgroups."""
    command = f"fxkit evaluate {evidence.quoted_folder} --markers CLEANED --subgroups TABLE.csv"
    answer = Answer("subgroups", "Is the model worse on some subgroups?", "grey", "", command=command)
    details = evidence.scores.details if evidence.scores else None
    if details is None or not details.parts:
        return replace(answer, reason="The run's metrics contain no subgroups.")
    gaps = [(part, gap) for part in details.parts for _, gap in part.figures if not math.isnan(gap.low)]
    facts = tuple((f"{part.name}: {gap.name}", f"gap {gap.signed}{_few(part)}") for part, gap in gaps)
    answer = replace(answer, facts=(*facts, ("by chance", details.multiplicity)), files=_metrics_files(evidence))
    worse = [(part, gap) for part, gap in gaps if gap.high < -GAP and not part.few]
    if worse:
        part, gap = min(worse, key=lambda pair: pair[1].value)
        reason = f"Yes: for {part.name}, the gap in {gap.name} to the other films is {gap.signed}."
        return replace(answer, colour="red", reason=reason)
    n_clear = sum(gap.low > 0 or gap.high < 0 for _, gap in gaps)
    if gaps and not n_clear and not any(part.few for part, _ in gaps) and all(gap.low > -2 * GAP for _, gap in gaps):
        reason = f"No: in all {len(details.parts)} subgroups a gap of {2 * GAP} is excluded, and no gap excludes 0."
        return replace(answer, colour="green", reason=reason, command="")
    n_wide, n_few = sum(gap.low <= -2 * GAP for _, gap in gaps), sum(part.few for part in details.parts)
    reason = (
        f"Undecided: of {len(gaps)} gaps, {n_clear} have an interval that excludes 0 and {n_wide} may be {-2 * GAP} or "
        f"lower; {n_few} of {len(details.parts)} subgroups have few groups."
    )
    return replace(answer, colour="amber", reason=reason)


def _few(part: Part) -> str:
    return " (few groups)" if part.few else ""
