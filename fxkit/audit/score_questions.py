"""The questions about figures: above chance, markers, calibration, other data, subgroups."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.audit.evidence import MARKERS, Evidence
from fxkit.audit.rules import CHANCE, DROP, FAR_OFF, FEW, GAP, WIDE, Answer, Colour
from fxkit.data.manifest import films_hash
from fxkit.report.results import Ablation, Estimate, Part, Scores


def ask_score(e: Evidence) -> Answer:
    """Ask whether the score is told from chance."""
    answer = Answer("score", "Is the score better than chance?", "grey", "", command=f"fxkit evaluate {e.name}")
    if e.scores is None:
        return replace(answer, reason="The run was not evaluated.")
    head = e.scores.film.headline
    answer = replace(answer, facts=_figures(e.scores), files=_metrics(e), command="")
    if math.isnan(head.low):
        return replace(answer, colour="amber", reason=f"{head.name} by film is {head.text}: its interval is undefined.")
    told = f"{head.name} by film {head.text}"
    if head.low <= CHANCE:
        return replace(answer, colour="red", reason=f"Not shown: {told} holds {CHANCE}, or lies below it.")
    if head.high - head.low > WIDE:
        return replace(answer, colour="amber", reason=f"Yes, but how good is hardly known: {told}.")
    return replace(answer, colour="green", reason=f"Yes: {told}.")


def _figures(scores: Scores) -> tuple[tuple[str, str], ...]:
    return tuple((figure.name, figure.text) for figure in scores.film.figures)


def _metrics(e: Evidence) -> tuple[Path, ...]:
    names = ("metrics.json", "metrics_out_of_fold.json", "predictions.csv")
    return tuple(e.run.folder / name for name in names if (e.run.folder / name).is_file())


def ask_markers(e: Evidence) -> Answer:
    """Ask whether the score lives off text markers."""
    answer = Answer("markers", "Does the score live off markers?", "grey", "")
    films = f"--manifest {e.name}/manifest.csv --root {shlex.quote(str(e.run.root))}"
    how = f"--config {e.name}/config.yaml" + ("" if e.is_probe else " --full --folds 0")
    command = f"fxkit ablate {MARKERS} {films} {how} --out {e.name}"
    found = e.ablation
    if found is None:
        return replace(answer, reason="No ablation of markers lies in the run folder.", command=command)
    if found.n_erased == 0:
        return replace(answer, reason="No marker was erased on any test film: nothing was compared.", command=command)
    facts = [("verdict", found.verdict), ("models", found.mode), ("seeds", ", ".join(found.seeds))]
    facts += [("test films", f"{found.n_films} of {found.n_groups} groups, {found.n_files} files")]
    facts += [(difference.name, difference.signed) for difference in found.differences]
    answer = replace(answer, facts=tuple(facts), files=(e.ablation_place,) if e.ablation_place else ())
    colours: dict[str, Colour] = {"reliance": "red", "no evidence": "green"}
    colour, reason = colours.get(found.verdict, "amber"), found.reason[:1].upper() + found.reason[1:].rstrip(".")
    doubts = doubts_of(e, found)
    if doubts:
        return replace(answer, colour="amber", reason=f"{reason}; but {' and '.join(doubts)}.", command=command)
    return replace(answer, colour=colour, reason=f"{reason}.")


def doubts_of(e: Evidence, found: Ablation) -> list[str]:
    """Return why an ablation may not speak of this run."""
    full, backbone = found.mode == "full", found.backbone or "a backbone that it does not tell"
    told = (
        (not full and not e.is_probe, "that was found of linear heads on frozen features, not of such a model"),
        (full and e.is_probe, "that was found of models trained in full, and this one is a linear probe"),
        (found.backbone != e.run.config.model.backbone, f"that is of {backbone}"),
        (
            e.run.cleaning is not None,
            "that is of models trained on raw films, and this one saw cleaned ones",
        ),
        (
            found.manifest != films_hash(e.run.records, split=not found.folds),
            f"that was found with {'another manifest' if found.manifest else 'a manifest that it does not tell'}, and "
            "so of other films or another split",
        ),
        (bool(found.stamp), f"its split leaks ({found.stamp})"),
    )
    return [text for holds, text in told if holds]


def ask_calibration(e: Evidence) -> Answer:
    """Ask whether probabilities mean what they say."""
    command = f"fxkit calibrate {e.name} && fxkit evaluate {e.name}"
    answer = Answer("calibration", "Is it calibrated?", "grey", "", command=command)
    details = e.scores.details if e.scores else None
    if details is None or not details.lines:
        return replace(answer, reason="No calibration stands in the run's metrics.")
    lines = {line.name: line for line, _ in details.lines}
    error = lines["calibration error without chance"]
    wrong = [name for name, right in RIGHT.items() if name in lines and not _holds(lines[name], right)]
    facts = tuple((line.name, f"{line.text}; {meaning}") for line, meaning in details.lines)
    answer = replace(answer, facts=facts, files=_metrics(e))
    told = f"calibration error by film {error.text}"
    if error.low > FAR_OFF:
        return replace(answer, colour="red", reason=f"No: {told}, clearly above {FAR_OFF}.")
    if error.high <= FAR_OFF and not wrong:
        return replace(answer, colour="green", reason=f"Yes: {told}; an error above {FAR_OFF} is excluded.", command="")
    clear = f", and {' and '.join(wrong)} not shown to be right" if wrong else f", and {FAR_OFF} is not excluded"
    return replace(answer, colour="amber", reason=f"Not shown: {told}{clear}.")


RIGHT = {"calibration slope": 1.0, "calibration in the large": 0.0}


def _holds(found: Estimate, right: float) -> bool:
    return found.low <= right <= found.high


def ask_external(e: Evidence) -> Answer:
    """Ask how the model does on data that training knew nothing of."""
    answer = Answer(
        "external", "Does it hold on other data?", "grey", "", command=f"fxkit evaluate {e.name} --data OTHER"
    )
    others = [scores for scores in e.report.others if not (scores.seen_files or scores.seen_films)]
    if not others:
        seen = [scores.name for scores in e.report.others]
        why = f"Training has seen films of {', '.join(seen)}." if seen else "It was tested on no other data."
        return replace(answer, reason=why)
    own = e.scores.film.headline if e.scores else None
    judged = [(judge_external(own, other), other) for other in others]
    order: Sequence[Colour] = ("red", "amber", "green")
    (colour, told), worst = min(judged, key=lambda pair: (order.index(pair[0][0]), pair[1].film.headline.value))
    facts = [(other.name, _told(other)) for other in others]
    facts += [("own films", f"{own.name} {own.text}")] if own else []
    files = tuple(e.run.folder / "evaluations" / other.name / "metrics.json" for other in others)
    reason = f"On {worst.name}: {worst.film.headline.name} {worst.film.headline.text}, {told}."
    return replace(answer, colour=colour, reason=reason, facts=tuple(facts), files=files)


def _told(other: Scores) -> str:
    head = other.film.headline
    return f"{head.name} {head.text}, {other.n_films} films of {other.n_groups} groups"


def judge_external(own: Estimate | None, other: Scores) -> tuple[Colour, str]:
    """Return the colour of figures on other data, and what is to be said of them."""
    head = other.film.headline
    if own is None or math.isnan(head.low) or math.isnan(own.value) or head.name != own.name:
        return "amber", "which can't be compared with own films"
    if head.low <= CHANCE:
        return "red", "which isn't clear of chance"
    if head.high < own.value - DROP:
        return "red", f"clearly more than {DROP} below {own.value:.2f} on own films"
    if other.film.fewest < FEW:
        return "amber", f"of {other.film.fewest} groups of the rarest class only"
    if head.low >= own.value - 2 * DROP:
        return "green", f"so that a fall of {2 * DROP} from {own.value:.2f} on own films is excluded"
    return "amber", f"so that a fall of {2 * DROP} from {own.value:.2f} on own films is possible"


def ask_subgroups(e: Evidence) -> Answer:
    """Ask whether some films fare worse than the rest."""
    command = f"fxkit evaluate {e.name} --markers CLEANED --subgroups TABLE.csv"
    answer = Answer("subgroups", "Do subgroups fare worse?", "grey", "", command=command)
    details = e.scores.details if e.scores else None
    if details is None or not details.parts:
        return replace(answer, reason="The run's metrics hold no subgroups.")
    gaps = [(part, gap) for part in details.parts for _, gap in part.figures if not math.isnan(gap.low)]
    facts = tuple((f"{part.name}: {gap.name}", f"gap {gap.signed}{_few(part)}") for part, gap in gaps)
    answer = replace(answer, facts=(*facts, ("by chance", details.multiplicity)), files=_metrics(e))
    worse = [(part, gap) for part, gap in gaps if gap.high < -GAP and not part.few]
    if worse:
        part, gap = min(worse, key=lambda pair: pair[1].value)
        reason = f"Yes: {part.name} has a gap in {gap.name} of {gap.signed} to the other films."
        return replace(answer, colour="red", reason=reason)
    clear = sum(gap.low > 0 or gap.high < 0 for _, gap in gaps)
    if gaps and not clear and not any(part.few for part, _ in gaps) and all(gap.low > -2 * GAP for _, gap in gaps):
        reason = f"No gap of {2 * GAP} is possible in {len(details.parts)} parts, and none is clear of 0."
        return replace(answer, colour="green", reason=reason, command="")
    reason = f"Not shown: {clear} of {len(gaps)} gaps are clear of 0, and gaps of {2 * GAP} are not all excluded."
    return replace(answer, colour="amber", reason=reason)


def _few(part: Part) -> str:
    return " (few groups)" if part.few else ""
