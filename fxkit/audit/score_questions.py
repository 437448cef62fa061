"""Questions about the score: chance, calibration, other data, subgroups."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.audit.evidence import Evidence
from fxkit.audit.integrity import check_figures
from fxkit.audit.rules import CHANCE, DROP, FEW, GAP, MAX_CALIBRATION_ERROR, WIDE, Answer, Colour
from fxkit.metrics.names import metric_name
from fxkit.metrics.subgroups import Subgroup
from fxkit.metrics.summary import Level
from fxkit.report.build import CALIBRATION_LINES
from fxkit.report.results import Scores, headline_text
from preprocess.words import amount

SUBGROUPS = (("--markers", "CLEANED"), ("--subgroups", "TABLE.csv"))  # options that add subgroups

IDEAL_VALUES = {"slope": 1.0, "intercept": 0.0}


def ask_score(evidence: Evidence) -> Answer:
    """Ask whether the score is better than chance."""
    answer = Answer("score", "Is the score better than chance?", "grey", "")
    if evidence.scores is None:
        command = f"fxkit evaluate {evidence.quoted_folder}"
        return replace(answer, reason="The run was not evaluated.", command=command)
    film = evidence.scores.metrics.film
    facts = tuple((metric_name(key), figure.text) for key, figure in film.figures.items())
    answer = replace(answer, facts=facts, files=_metrics_files(evidence))
    integrity, again = evidence.integrity, evidence.evaluate_command
    if integrity.broken:
        reason = f"Not shown: {integrity.broken}, so the figures are not those of this model and of these predictions."
        return replace(answer, colour="red", reason=reason, command=again)
    colour, reason = _judge_headline(film)
    if integrity.outdated:
        colour = "amber" if colour == "green" else colour
        reason = f"{reason} But {integrity.outdated}; evaluate again."
        return replace(answer, colour=colour, reason=reason, command=again)
    unknown = f" {integrity.unknown[:1].upper()}{integrity.unknown[1:]}." if integrity.unknown else ""
    return replace(answer, colour=colour, reason=reason + unknown, command=again if unknown else "")


def _judge_headline(film: Level) -> tuple[Colour, str]:
    headline = film.headline
    score = f"the {metric_name(film.headline_metric)} by film is {headline.text}"
    if math.isnan(headline.low):
        return "amber", f"Not shown: {score}; its interval is undefined."
    if headline.low <= CHANCE:
        return "red", f"Not shown: {score}, which is not clearly above {CHANCE}."
    if headline.high - headline.low > WIDE:
        return "amber", f"Yes, but the interval is wide: {score}."
    return "green", f"Yes: {score}."


def _metrics_files(evidence: Evidence) -> tuple[Path, ...]:
    names = ("metrics.json", "metrics_out_of_fold.json", "predictions.csv")
    files = (evidence.run.folder / name for name in names)
    return tuple(file for file in files if file.is_file())


def ask_calibration(evidence: Evidence) -> Answer:
    """Ask whether the predicted probabilities are calibrated."""
    answer = Answer("calibration", "Are the probabilities calibrated?", "grey", "", command=calibrate_command(evidence))
    if evidence.source and not evidence.source.are_probabilities:
        return replace(answer, reason="The scores are no probabilities, so there is nothing to calibrate.", command="")
    calibration = evidence.scores.metrics.calibration.get("film") if evidence.scores else None
    if calibration is None:
        return replace(answer, reason="The run's metrics contain no calibration.")
    facts, undefined, off = [], [], []
    for key, (name, meaning) in CALIBRATION_LINES.items():
        interval = getattr(calibration, key)
        if interval is None:
            continue
        facts.append((name, f"{interval.text}; {meaning}"))
        if key in IDEAL_VALUES and math.isnan(interval.value):
            undefined.append(name)
        elif key in IDEAL_VALUES and not interval.low <= IDEAL_VALUES[key] <= interval.high:
            off.append(name)
    answer = replace(answer, facts=tuple(facts), files=_metrics_files(evidence))
    error = calibration.error
    figure = f"the calibration error by film is {error.text}"
    if error.low > MAX_CALIBRATION_ERROR:
        reason = f"No: {figure}, clearly above {MAX_CALIBRATION_ERROR}."
        return replace(answer, colour="red", reason=reason)
    if error.high <= MAX_CALIBRATION_ERROR and not off and not undefined:
        reason = f"Yes: {figure}, which rules out an error above {MAX_CALIBRATION_ERROR}."
        return replace(answer, colour="green", reason=reason, command="")
    doubt = f"an error above {MAX_CALIBRATION_ERROR} cannot be ruled out"
    if undefined:
        doubt = f"the {' and the '.join(undefined)} cannot be estimated"
    elif off:
        doubt = f"the interval of the {' and the '.join(off)} does not contain the ideal value"
    return replace(answer, colour="amber", reason=f"Not shown: {figure}, and {doubt}.")


def calibrate_command(evidence: Evidence) -> str:
    """Return the commands that calibrate the model and evaluate it again.

    The results of a model made elsewhere stay those of the given predictions; the calibrated ones get a new folder.
    """
    folder = evidence.quoted_folder
    if evidence.source is None:
        return f"fxkit calibrate {folder} && {evidence.evaluate_command}"
    if not (evidence.run.folder / "splits" / "val" / "predictions.csv").is_file():
        return f"{evidence.evaluate_command}   # with validation films in a column split; then fxkit calibrate"
    facts = f"--films {folder}/manifest.csv"
    if evidence.source.n_trained:
        facts += f" --trained-on {folder}/manifest.csv"
    again = f"fxkit evaluate --predictions {folder}/predictions_calibrated.csv {facts} --out CALIBRATED"
    return f"fxkit calibrate {folder} && {again}"


def ask_external(evidence: Evidence) -> Answer:
    """Ask how the model performs on data that training has not seen."""
    command = f"fxkit evaluate {evidence.quoted_folder} --data OTHER"
    if evidence.source:
        source, table = evidence.source, evidence.source.arguments_for("OTHER.csv")
        films = f"{source.model_command} --data OTHER" if source.model else table
        command = f"fxkit evaluate {films} --out {evidence.quoted_folder} --name other"
    answer = Answer("external", "Does the score hold on other data?", "grey", "", command=command)
    all_others = evidence.report.others
    others = [scores for scores in all_others if not scores.was_seen and not scores.metrics.overlap.is_own_test]
    if not others:
        seen = ", ".join(scores.name for scores in all_others if scores.was_seen)
        own = ", ".join(scores.name for scores in all_others if not scores.was_seen)
        reasons = [f"Training has seen films or patients of {seen}."] if seen else []
        reasons += [f"The films of {own} are the run's own test films, so they are not other data."] if own else []
        return replace(answer, reason=" ".join(reasons) or "The run was evaluated on no other data.")
    judged = [(_judge_unseen(evidence, other), other) for other in others]
    severity: Sequence[Colour] = ("red", "amber", "green")
    (colour, judgement), worst = min(
        judged, key=lambda pair: (severity.index(pair[0][0]), pair[1].metrics.film.headline.value)
    )
    facts = [(other.name, _describe_scores(other)) for other in others]
    facts += [("own films", headline_text(evidence.scores))] if evidence.scores else []
    files = tuple(evidence.run.folder / "evaluations" / other.name / "metrics.json" for other in others)
    level = worst.metrics.film
    reason = f"On {worst.name}, the {metric_name(level.headline_metric)} is {level.headline.text}: {judgement}."
    return replace(answer, colour=colour, reason=reason, facts=tuple(facts), files=files)


def _judge_unseen(evidence: Evidence, other: Scores) -> tuple[Colour, str]:
    """Judge the score on other data; without a comparison of the pixels, films that training has seen may be in it."""
    run, folder = evidence.run.folder, evidence.run.folder / "evaluations" / other.name
    integrity = check_figures(run, folder / "metrics.json", folder / "predictions.csv", other.metrics)
    if integrity.broken:
        return "red", f"{integrity.broken}; evaluate again"
    colour, judgement = judge_external(evidence.scores, other)
    if integrity.outdated:
        colour, judgement = ("amber" if colour == "green" else colour), f"{judgement}; {integrity.outdated}"
    if patients := other.metrics.overlap.patients_note:
        judgement = f"{judgement}; {patients}"
    if other.metrics.overlap.pixels_compared:
        return colour, judgement
    if evidence.source and not evidence.source.n_trained:
        return ("amber" if colour == "green" else colour), f"{judgement}; which films training has seen is unknown"
    remedy = "with --root and --trained-root" if evidence.source else "if need be with --trained-on FOLDER"
    unknown = (
        "whether training films were saved again among them is unknown, because their pixels were not compared: run "
        f"`fxkit evaluate` on them again, {remedy}"
    )
    return ("amber" if colour == "green" else colour), f"{judgement}; {unknown}"


def _describe_scores(other: Scores) -> str:
    return (
        f"{headline_text(other)}, {amount(other.metrics.n_films, 'film')} of {amount(other.metrics.n_groups, 'group')}"
    )


def judge_external(own: Scores | None, other: Scores) -> tuple[Colour, str]:
    """Compare the score on other data with the score on the run's own films; return the colour and why."""
    level, own_level = other.metrics.film, own.metrics.film if own else None
    if own_level is None or own_level.headline_metric != level.headline_metric:
        return "amber", "it cannot be compared with the score on the run's own films"
    headline, own_score = level.headline, own_level.headline.value
    if math.isnan(headline.low) or math.isnan(own_score):
        return "amber", "it cannot be compared with the score on the run's own films"
    if headline.low <= CHANCE:
        return "red", "it is not clearly above chance"
    if headline.high < own_score - DROP:
        return "red", f"it is clearly more than {DROP} below {own_score:.2f}, the score on the run's own films"
    if level.fewest_groups < FEW:
        return "amber", f"the rarest class has only {amount(level.fewest_groups, 'group')}"
    drop = f"a drop of {2 * DROP} from {own_score:.2f}, the score on the run's own films,"
    if headline.low >= own_score - 2 * DROP:
        return "green", f"{drop} is ruled out"
    return "amber", f"{drop} is possible"


def ask_subgroups(evidence: Evidence) -> Answer:
    """Ask whether the model performs worse on some subgroups."""
    given = evidence.source.arguments if evidence.source else ()
    wanted = [f"{name} {value}" for name, value in SUBGROUPS if name not in given]
    command = " ".join([evidence.evaluate_command, *wanted])
    answer = Answer("subgroups", "Is the model worse on some subgroups?", "grey", "", command=command)
    parts = evidence.scores.metrics.subgroups if evidence.scores else ()
    if evidence.scores is None or not parts:
        return replace(answer, reason="The run's metrics contain no subgroups.")
    gaps = [(part, key, gap) for part in parts for key, gap in part.gaps.items() if not math.isnan(gap.low)]
    facts = [(f"{part.name}: {key}", f"gap {gap.signed}{_few(part)}") for part, key, gap in gaps]
    facts.append(("by chance", evidence.scores.metrics.multiplicity))
    answer = replace(answer, facts=tuple(facts), files=_metrics_files(evidence))
    worse = [(part, key, gap) for part, key, gap in gaps if gap.high < -GAP and not part.few]
    if worse:
        part, key, gap = min(worse, key=lambda item: item[2].value)
        reason = f"Yes: for {part.name}, the gap in {metric_name(key)} to the other films is {gap.signed}."
        return replace(answer, colour="red", reason=reason)
    n_clear = sum(gap.low > 0 or gap.high < 0 for *_, gap in gaps)
    if gaps and not n_clear and not any(part.few for part, *_ in gaps) and all(gap.low > -2 * GAP for *_, gap in gaps):
        reason = (
            f"No: in {'the subgroup' if len(parts) == 1 else f'all {len(parts)} subgroups'} a gap of "
            f"{2 * GAP} is ruled out, and no interval excludes 0."
        )
        return replace(answer, colour="green", reason=reason, command="")
    n_wide, n_few = sum(gap.low <= -2 * GAP for *_, gap in gaps), sum(part.few for part in parts)
    reason = (
        f"Undecided: {n_clear} of {amount(len(gaps), 'gap has', 'gaps have')} an interval that excludes "
        f"0, {amount(n_wide, 'gap')} may be {-2 * GAP} "
        f"or lower, and {n_few} of {amount(len(parts), 'subgroup has', 'subgroups have')} few groups."
    )
    return replace(answer, colour="amber", reason=reason)


def _few(part: Subgroup) -> str:
    return " (few groups)" if part.few else ""
