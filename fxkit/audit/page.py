"""Write the audit: audit.html to read, audit.md to take on, audit.json for programs."""

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fxkit import __version__
from fxkit.audit.claim import AUTHORS, Item, draft_claim
from fxkit.audit.evidence import Evidence, read_evidence
from fxkit.audit.picture import draw_figures, rows_of
from fxkit.audit.rules import LOOKS, RULES, Answer
from fxkit.audit.verdict import Verdict, ask_all, conclude
from fxkit.html import data_uri, load_template
from fxkit.models.sharing.model_card import model_page
from preprocess.files import write_atomic

PAGE, TEXT, FACTS = "audit.html", "audit.md", "audit.json"

LINKED = ("report.html", "metrics.json", "validation.json", "manifest.csv", "config.yaml", "environment.json")

OWED = (
    "intended use and users",
    "out-of-scope uses",
    "where and when the films were taken, of whom, with what devices",
    "reference standard",
    "ethics and consent",
    "licence and contact",
)


@dataclass(frozen=True)
class Audit:
    """What was found, and where the page lies."""

    page: Path
    verdict: Verdict
    answers: tuple[Answer, ...]
    claim: tuple[Item, ...]


def build_audit(
    run_dir: str | Path, *, data_card: str | Path | None = None, ablation: str | Path | None = None
) -> Audit:
    """Write RUN/audit.html, audit.md and audit.json; nothing is trained or predicted.

    Args:
        data_card, ablation: as for `read_evidence`.
    Raises:
        RunError: as `read_evidence`.
        OutputError: the pages cannot be written.
    """
    e = read_evidence(run_dir, data_card=data_card, ablation=ablation)
    answers = ask_all(e)
    audit = Audit(e.run.folder / PAGE, conclude(answers), answers, draft_claim(e, answers))
    card = model_card(e)
    write_atomic(e.run.folder / FACTS, json.dumps(audit_json(e, audit), indent=1) + "\n")
    write_atomic(e.run.folder / TEXT, _render(TEXT + ".j2", e, audit, card))
    write_atomic(audit.page, _render(PAGE, e, audit, card))
    return audit


def model_card(e: Evidence) -> str:
    """Return the card that a shared model bears, without its header for the hub; "" where training did not end."""
    if not (e.run.folder / "model.json").is_file():
        return ""
    page = model_page(e.run, e.run.folder, e.report.name)
    return re.sub(r"\A---\n.*?\n---\n", "", page, flags=re.DOTALL).strip()


def audit_json(e: Evidence, audit: Audit) -> dict[str, Any]:
    """Return all of the audit as plain values; files are relative to the run folder."""
    return {
        "run": e.report.name,
        "fxkit": __version__,
        "verdict": asdict(audit.verdict),
        "answers": [
            asdict(answer) | {"files": [link(e, file) for file in answer.files], "facts": dict(answer.facts)}
            for answer in audit.answers
        ],
        "rules": {key: asdict(rule) for key, rule in RULES.items()},
        "claim": [asdict(item) for item in audit.claim],
    }


def link(e: Evidence, file: Path) -> str:
    """Return a file's place as the page links to it."""
    return Path(os.path.relpath(file.resolve(), e.run.folder.resolve())).as_posix()


def _render(name: str, e: Evidence, audit: Audit, card: str) -> str:
    """Fill a template; in the page all names and texts are escaped."""
    rows = rows_of(e) if name.endswith(".html") else []
    return load_template(f"audit/{name}").render(
        e=e,
        a=audit,
        card=card,
        picture=data_uri(draw_figures(rows, "; ".join(e.report.stamps))) if rows else "",
        rows=rows,
        linked=[name for name in LINKED if (e.run.folder / name).is_file()],
        link=lambda file: link(e, file),
        looks=LOOKS,
        authors=AUTHORS,
        owed=OWED,
        version=__version__,
    )
