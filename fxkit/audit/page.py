"""Write the audit: audit.html to read, audit.md as text, audit.json for programs."""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fxkit import __version__
from fxkit.audit.claim import AUTHORS, draft_claim
from fxkit.audit.evidence import Evidence, read_evidence
from fxkit.audit.picture import collect_rows, draw_rows
from fxkit.audit.result import FACT_LABELS, Audit
from fxkit.audit.rules import LOOKS, RULES
from fxkit.audit.verdict import DISCLAIMER, answer_questions, conclude
from fxkit.data.positive import positive_class
from fxkit.html import data_uri, load_template
from fxkit.models.sharing.model_card import render_model_card
from preprocess.files import write_atomic
from preprocess.locks import locked

PAGE, TEXT, FACTS = "audit.html", "audit.md", "audit.json"

LINKED = ("report.html", "metrics.json", "validation.json", "manifest.csv", "config.yaml", "environment.json")

AUTHORS_ADD = (
    "intended use and users",
    "uses that are out of scope",
    "patients, sites, dates and devices of the films",
    "reference standard",
    "ethics and consent",
    "licence and contact",
)


@locked("run_dir")
def build_audit(
    run_dir: str | Path,
    *,
    data_card: str | Path | None = None,
    ablation: str | Path | None = None,
    cleaned: str | Path | None = None,
) -> Audit:
    """Write RUN/audit.html, audit.md and audit.json; nothing is trained or predicted.

    Args:
        data_card: data.json of `fxkit index`; default: RUN/data.json.
        ablation: folder of an ablation; default: the run folder, or the ablation that the run is an arm of.
        cleaned: cleaned folder with a sample that `fxkit review --sample` judged.
    Raises:
        RunError: the folder is not a run, another folder lacks its file, or a file is damaged.
        OutputError: the pages cannot be written.
    """
    evidence = read_evidence(run_dir, data_card=data_card, ablation=ablation, cleaned=cleaned)
    answers = answer_questions(evidence)
    folder = evidence.run.folder
    rows = collect_rows(evidence)
    audit = Audit(
        page=folder / PAGE,
        verdict=conclude(answers),
        answers=answers,
        claim=draft_claim(evidence, answers),
        name=evidence.report.name,
        positive=positive_class(evidence.run.classes),
        picture=data_uri(draw_rows(rows, "; ".join(evidence.report.stamps))) if rows else "",
        picture_text="; ".join(f"{row.name} {row.interval.text}" for row in rows),
    )
    card = model_card(evidence)
    write_atomic(folder / FACTS, json.dumps(audit_json(evidence, audit), indent=1) + "\n")
    write_atomic(folder / TEXT, _render(TEXT + ".j2", evidence, audit, card))
    write_atomic(audit.page, _render(PAGE, evidence, audit, card))
    return audit


def model_card(evidence: Evidence) -> str:
    """Return the model card of a shared model without its metadata header; "" if the training did not finish."""
    folder = evidence.run.folder
    if evidence.trained_run is None or not (folder / "model.json").is_file():
        return ""
    page = render_model_card(evidence.trained_run, folder, evidence.report.name)
    return re.sub(r"\A---\n.*?\n---\n", "", page, flags=re.DOTALL).strip()


def audit_json(evidence: Evidence, audit: Audit) -> dict[str, Any]:
    """Return the content of audit.json; files are relative to the run folder."""
    return {
        "run": audit.name,
        "positive": audit.positive,
        "fxkit": __version__,
        "verdict": asdict(audit.verdict),
        "answers": [
            asdict(answer)
            | {"files": [relative_path(evidence, file) for file in answer.files], "facts": dict(answer.facts)}
            for answer in audit.answers
        ],
        "rules": {key: asdict(rule) for key, rule in RULES.items()},
        "claim": [asdict(item) for item in audit.claim],
    }


def relative_path(evidence: Evidence, file: Path) -> str:
    """Return the path of a file relative to the run folder, as the page links to it."""
    return Path(os.path.relpath(file.resolve(), evidence.run.folder.resolve())).as_posix()


def _render(name: str, evidence: Evidence, audit: Audit, card: str) -> str:
    """Fill a template; HTML templates escape all values."""
    return load_template(f"audit/{name}").render(
        audit=audit,
        card=card,
        linked=[file for file in LINKED if (evidence.run.folder / file).is_file()],
        link=lambda file: relative_path(evidence, file),
        label=lambda fact: FACT_LABELS.get(fact, fact),
        looks=LOOKS,
        authors=AUTHORS,
        authors_add=AUTHORS_ADD,
        disclaimer=DISCLAIMER,
        version=__version__,
    )
