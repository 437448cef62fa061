"""Write the audit: audit.html to read, audit.md as text, audit.json for programs."""

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fxkit import __version__
from fxkit.audit.claim import AUTHORS, Item, draft_claim
from fxkit.audit.evidence import Evidence, read_evidence
from fxkit.audit.picture import collect_rows, draw_rows
from fxkit.audit.rules import LOOKS, RULES, Answer
from fxkit.audit.verdict import DISCLAIMER, Verdict, answer_questions, conclude
from fxkit.data.positive import positive_class
from fxkit.html import data_uri, load_template
from fxkit.models.sharing.model_card import render_model_card
from preprocess.files import write_atomic
from preprocess.locks import locked

PAGE, TEXT, FACTS = "audit.html", "audit.md", "audit.json"

LINKED = ("report.html", "metrics.json", "validation.json", "manifest.csv", "config.yaml", "environment.json")

# The page shows these names of facts. audit.json keeps the keys that programs may read.
FACT_LABELS = {
    "of them copies of a training film": "tested files that are copies of a training film",
    "of them other films of a training group": "tested files that are other films of a training group",
    "validation files of a training group": "validation files whose group is in training",
    "files a film": "files per film",
    "strongest figure, AUROC": "highest AUROC without the image",
    "the model's": "headline metric of the model",
    "other runs beside with figures of the same manifest": "other runs in the same folder evaluated on this manifest",
    "by chance": "multiple comparisons",
    "models": "training of the models",
    "own films": "the run's own films",
}

AUTHORS_ADD = (
    "intended use and users",
    "uses that are out of scope",
    "patients, sites, dates and devices of the films",
    "reference standard",
    "ethics and consent",
    "licence and contact",
)


@dataclass(frozen=True)
class Audit:
    """Results of an audit, and the path of its page."""

    page: Path
    verdict: Verdict
    answers: tuple[Answer, ...]
    claim: tuple[Item, ...]


@locked("run_dir")
def build_audit(
    run_dir: str | Path, *, data_card: str | Path | None = None, ablation: str | Path | None = None
) -> Audit:
    """Write RUN/audit.html, audit.md and audit.json; nothing is trained or predicted.

    Args:
        data_card: data.json of `fxkit index`; default: RUN/data.json.
        ablation: folder of an ablation; default: the run folder, or the ablation that the run is an arm of.
    Raises:
        RunError: the folder is not a run, the data card or the ablation does not exist, or a file is damaged.
        OutputError: the pages cannot be written.
    """
    evidence = read_evidence(run_dir, data_card=data_card, ablation=ablation)
    answers = answer_questions(evidence)
    folder = evidence.run.folder
    audit = Audit(folder / PAGE, conclude(answers), answers, draft_claim(evidence, answers))
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
        "run": evidence.report.name,
        "positive": positive_class(evidence.run.classes),
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
    rows = collect_rows(evidence) if name.endswith(".html") else []
    return load_template(f"audit/{name}").render(
        run=evidence.report.name,
        positive=positive_class(evidence.run.classes),
        audit=audit,
        card=card,
        picture=data_uri(draw_rows(rows, "; ".join(evidence.report.stamps))) if rows else "",
        rows=rows,
        linked=[file for file in LINKED if (evidence.run.folder / file).is_file()],
        link=lambda file: relative_path(evidence, file),
        label=lambda fact: FACT_LABELS.get(fact, fact),
        looks=LOOKS,
        authors=AUTHORS,
        authors_add=AUTHORS_ADD,
        disclaimer=DISCLAIMER,
        version=__version__,
    )
