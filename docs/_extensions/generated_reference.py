"""Write the parts of the reference that come from the code: settings, audit rules, JSON schemas, API."""

import inspect
import json
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from sphinx.application import Sphinx

SCHEMAS = {
    "clean.json, key settings": "preprocess.settings.CleanSettings",
    "data.json": "fxkit.index.datacard.card.DataCard",
    "metrics.json": "fxkit.metrics.summary.Evaluation",
    "metrics.json, its analyses": "fxkit.metrics.analyses.Analyses",
    "metrics_out_of_fold.json, key folds": "fxkit.metrics.summary.FoldScores",
    "attention.json": "fxkit.report.attention.AttentionSummary",
    "ablation.json": "fxkit.report.ablation.Ablation",
    "labels.json": "fxkit.report.label_check.LabelCheck",
}


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_all)
    return {"parallel_read_safe": True}


def write_all(app: Sphinx) -> None:
    """Write the generated pages before Sphinx reads the sources."""
    from fxkit.ablation.settings import AblationSettings
    from fxkit.config import Config
    from preprocess.settings import CleanSettings

    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "training-settings.md": settings_table(Config),
        "cleaning-settings.md": settings_table(CleanSettings),
        "ablation-settings.md": settings_table(AblationSettings),
        "audit-rules.md": audit_rules(),
        "api.md": public_api(),
        "schemas.md": schemas(),
    }
    for name, text in pages.items():
        file = folder / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:  # an unchanged file is not built again
            file.write_text(text, encoding="utf-8")


def settings_table(model: type[BaseModel]) -> str:
    """Return a table of all settings of a model, with their types, defaults and meanings."""
    rows = [f"| `{key}` | {kind} | {default} | {meaning} |" for key, kind, default, meaning in settings_rows(model)]
    return "\n".join(["| setting | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def settings_rows(model: type[BaseModel], prefix: str = "") -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    meanings = field_meanings(model)
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            rows += settings_rows(type(field.default), f"{prefix}{name}.")
            continue
        default = "required" if field.is_required() else f"`{json.dumps(field.default, default=str)}`"
        rows.append((prefix + name, type_text(field.annotation), default, meanings.get(name, "")))
    return rows


def type_text(annotation: Any) -> str:
    """Return a type as readers know it: choices by their values, else the plain name."""
    text = str(annotation).replace("typing.", "")
    choices = re.search(r"Literal\[(.*?)\]", text)
    if choices:
        rest = " or null" if "None" in text else ""
        return choices[1].replace("'", "`") + rest
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    parts = get_args(annotation) if "|" in text else ()
    if parts:
        return " or ".join(type_text(part) if part is not type(None) else "null" for part in parts)
    return names.get(getattr(annotation, "__name__", text), "list" if "tuple" in text else "mapping")


def field_meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the meaning of each field: its line in the docstring, else the comment behind it."""
    source = inspect.getsource(model)
    comments = dict(re.findall(r"^    (\w+): [^\n]*?  # ([^\n]*)$", source, re.MULTILINE))
    listed = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", inspect.getdoc(model) or "", re.MULTILINE | re.DOTALL)
    documented = {name: " ".join(text.split()) for name, text in listed}
    return {name: text.replace("|", r"\|") for name, text in (comments | documented).items()}


def audit_rules() -> str:
    """Return the rules of the audit, as the audit page shows them."""
    from fxkit.audit.rules import RULES
    from fxkit.audit.verdict import TOPICS

    parts = []
    for key, rule in RULES.items():
        title = TOPICS[key][:1].upper() + TOPICS[key][1:]
        rows = [f"- **pass**: {rule.green}", f"- **caution**: {rule.amber}", f"- **fail**: {rule.red}"]
        parts.append("\n".join([f"### {title}\n", *rows, "", f"Why: {rule.reason}", ""]))
    return "\n".join(parts)


def public_api() -> str:
    """Return a directive for each public name of fxkit."""
    import fxkit

    groups: dict[str, list[str]] = {}
    title = ""
    for line in inspect.getsource(fxkit).splitlines():
        if comment := re.match(r"    # (.*)$", line):
            title = comment[1][0].upper() + comment[1][1:]
        elif name := re.match(r'    "(\w+)": "([\w.]+)",', line):
            kind = "autoclass" if inspect.isclass(getattr(fxkit, name[1])) else "autofunction"
            groups.setdefault(title, []).append(f".. {kind}:: {name[2]}.{name[1]}")
    return "\n".join(
        f"## {title}\n\n```{{eval-rst}}\n" + "\n\n".join(directives) + "\n```\n" for title, directives in groups.items()
    )


def schemas() -> str:
    """Return the JSON schema of each file that a typed model writes, with the keys that it computes."""
    parts = []
    for title, path in SCHEMAS.items():
        module, _, name = path.rpartition(".")
        model = getattr(__import__(module, fromlist=[name]), name)
        text = json.dumps(TypeAdapter(model).json_schema(mode="serialization"), indent=1).replace(": NaN", ": null")
        folded = f"<details><summary>Show the schema</summary>\n\n```json\n{text}\n```\n\n</details>\n"
        parts.append(f"### {title}\n\n{folded}")
    return "\n".join(parts)
