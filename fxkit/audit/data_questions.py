"""The questions about films and how the model was made: leak, size, metadata, selection, initialisation."""

import re
from dataclasses import replace

from fxkit.audit.evidence import Evidence
from fxkit.audit.rules import ENOUGH, FEW, Answer, Colour
from fxkit.config import ModelConfig
from fxkit.data.manifest import count_records, usable
from fxkit.index.datacard.baseline import ABOVE, FAR_ABOVE, NONE

INDEX = "fxkit index DATA --out manifest.csv"

OTHER_PRETRAINING = re.compile(r"in12k|in2[12]k|ig\d|jft|laion|yfcc|cc12m|ssl|swsl|clip|openai|lvd|webli|dfn|m\d+m")


def ask_leak(e: Evidence) -> Answer:
    """Ask whether tested films, or films of their groups, were in training."""
    leak = e.test_leaks
    answer = Answer("leak", "Does the test leak?", "grey", "", files=(e.run.folder / "manifest.csv",))
    stamps = [stamp for stamp in (e.scores.stamp if e.scores else "", e.run.stamp) if stamp]
    if not e.test:
        return replace(
            answer, reason="The manifest has no test film and no fold, so nothing was tested.", command=INDEX
        )
    files = usable(e.run.records)
    facts = (
        ("tested files", str(len(e.test))),
        ("of them copies of a training film", str(leak.leaked_files)),
        ("of them other films of a training group", str(leak.grouped_files - leak.leaked_files)),
        ("validation files of a training group", str(e.val_leaks.grouped_files)),
        ("files with a named patient", f"{sum(bool(r.patient) for r in files)} of {len(files)}"),
    )
    answer = replace(answer, facts=facts)
    if leak.grouped_files or any("folds" in stamp for stamp in stamps):
        told = leak.text or next(stamp for stamp in stamps if "folds" in stamp)
        return replace(answer, colour="red", reason=f"Yes: {told}.", command=INDEX)
    if e.val_leaks.grouped_files:
        reason = f"Not into the test, but {e.val_leaks.text}: the epoch was chosen by films that had been seen."
        return replace(answer, colour="amber", reason=reason, command=INDEX)
    if not all(r.patient for r in files):
        reason = (
            "No copy of a tested film was found in training, but patients aren't named for all films, and two films "
            "of one patient can't be told by names, bytes or pixels."
        )
        return replace(answer, colour="amber", reason=reason, command=INDEX + "   # with a column patient")
    reason = f"No film and no patient of the {len(e.test)} tested files is also in training."
    return replace(answer, colour="green", reason=reason)


def ask_size(e: Evidence) -> Answer:
    """Ask how many independent groups the test holds."""
    answer = Answer(
        "size", "How many independent cases are tested?", "grey", "", files=(e.run.folder / "manifest.csv",)
    )
    if not e.test:
        return replace(answer, reason="The manifest has no test film and no fold.", command=INDEX)
    label, fewest = e.rarest
    total, unit = count_records(e.test), "patient" if all(r.patient for r in e.test) else "group"
    colour: Colour = "red" if fewest < FEW else "green" if fewest >= ENOUGH and unit == "patient" else "amber"
    reason = (
        f"{total.files} files are {total.films} films of {total.groups} {unit}s, {fewest} of them of class {label}."
    )
    facts = (
        ("files", str(total.files)),
        ("films", str(total.films)),
        (f"{unit}s", str(total.groups)),
        (f"{unit}s of the rarest class", f"{fewest} ({label})"),
        ("files a film", f"{total.files / total.films:.1f}"),
    )
    command = "" if colour == "green" else f"fxkit evaluate {e.name} --data MORE_FILMS"
    return replace(answer, colour=colour, reason=reason, facts=facts, command=command)


def ask_metadata(e: Evidence) -> Answer:
    """Ask whether files' facts and markers predict the class without the image."""
    answer = Answer("metadata", "Do metadata alone predict the class?", "grey", "")
    if e.metadata is None or not e.metadata.verdict:
        why = "The card has no baseline." if e.metadata else "No data card was given, and none lies in the run folder."
        command = f"{INDEX} && fxkit audit {e.name} --data-card data.json"
        return replace(answer, reason=why, command=command)
    found, files = e.metadata, usable(e.run.records)
    strongest = found.strongest
    told = f"{strongest.name} {strongest.text}" if strongest else "no figure is defined"
    own = e.scores.film.headline if e.scores else None
    facts = [("verdict", found.verdict), ("strongest figure, AUROC", told)]
    facts += [("the model's", f"{own.name} {own.text}")] if own else []
    facts += [("files of this run that the card describes", f"{found.n_described} of {len(files)}")]
    answer = replace(answer, facts=tuple(facts), files=(found.place,))
    if found.n_described < len(files):
        reason = f"The card describes {found.n_described} of this run's {len(files)} files: make one of the same films."
        return replace(answer, colour="amber", reason=reason, command=INDEX)
    colours: dict[str, Colour] = {FAR_ABOVE: "red", ABOVE: "amber", NONE: "green"}
    words = {FAR_ABOVE: "Yes, far above chance", ABOVE: "Somewhat", NONE: "No evidence that they do"}
    reason = f"{words.get(found.verdict, 'Undecided')}: {told}."
    return replace(answer, colour=colours.get(found.verdict, "amber"), reason=reason)


def ask_selection(e: Evidence) -> Answer:
    """Ask whether the test had a part in choosing the model, as far as files tell."""
    answer = Answer("selection", "Was the test used to choose the model?", "amber", "")
    test, val = ({r.film for r in usable(e.run.records, part)} for part in ("test", "val"))
    chosen = e.report.training.best if e.report.training else ""
    facts = (
        ("epoch", chosen or "not told"),
        ("validation films that are test films", str(len(test & val))),
        ("other runs beside with figures of the same manifest", ", ".join(e.siblings) or "none"),
        ("folds", str(e.run.folds) if e.run.folds else "none"),
    )
    files = tuple(p for p in (e.run.folder / "phases.json", e.run.folder / "config.yaml") if p.is_file())
    answer = replace(answer, facts=facts, files=files)
    if test & val:
        reason = f"{len(test & val)} tested films chose the epoch that was kept."
        return replace(answer, colour="red", reason=reason, command=INDEX)
    if e.siblings:
        reason = (
            f"Other runs beside this one were scored on the same test films ({len(e.siblings)}): if this one was "
            "chosen for its score, that is too good."
        )
        return replace(answer, reason=reason, command=f"fxkit evaluate {e.name} --data FILMS_NEVER_USED")
    if not (e.is_chosen or e.run.folds or e.is_probe):
        return replace(answer, reason="The folder doesn't tell by which films the epoch was chosen.")
    how = "No epoch was chosen" if e.is_probe else "Validation films chose the epoch"
    reason = (
        f"{how}, and no other run beside was scored on the same test; scores that were looked at elsewhere leave no "
        "trace here."
    )
    return replace(answer, colour="green", reason=reason)


def ask_initialisation(e: Evidence) -> Answer:
    """Ask what the weights were before training."""
    settings = e.run.config.model
    facts = (
        ("backbone", settings.backbone),
        ("weights", settings.weights or ("timm's hub" if settings.pretrained else "none")),
        ("seed", str(e.run.config.seed)),
    )
    colour, reason = _start(settings)
    answer = Answer("initialisation", "What did training start from?", colour, reason, facts)
    return replace(answer, files=(e.run.folder / "config.yaml",))


def _start(settings: ModelConfig) -> tuple[Colour, str]:
    if settings.weights:
        return "amber", "From a file of weights; whether films of the test were in its pretraining isn't known here."
    if not settings.pretrained:
        return "green", "From nothing: all weights were drawn by lot."
    tag = pretrained_tag(settings.backbone)
    if "in1k" in tag and not OTHER_PRETRAINING.search(tag):
        return "green", f"From ImageNet-1k weights ({tag}), whose thousand classes hold no radiographs."
    return "amber", f"From weights ({tag or 'no tag'}) of more than ImageNet-1k, or of what isn't known here."


def pretrained_tag(backbone: str) -> str:
    """Return the tag of a timm backbone's weights, such as a1_in1k; "" where timm has none."""
    from timm.models import get_pretrained_cfg

    try:
        found = get_pretrained_cfg(backbone)
    except RuntimeError:  # timm's word for a tag that it doesn't know
        return ""
    return str(found.tag or "") if found else ""
