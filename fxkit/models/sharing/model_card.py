"""README.md of a shared model: a model card with a YAML header, as the Hugging Face hub reads it.

Source: Mitchell et al. 2019, "Model cards for model reporting"; https://huggingface.co/docs/hub/model-cards
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import EvalResult, ModelCardData

from fxkit import __version__
from fxkit.data.manifest import SPLITS, read_manifest, usable
from fxkit.models.run_folder import Run, read_json
from fxkit.models.training_films import has_hashes

TEMPLATE = Path(__file__).parent / "model_card.md"

SHOWN = {"auroc": "AUROC", "average_precision": "average precision", "sensitivity": "sensitivity"}

SHOWN |= {"specificity": "specificity", "accuracy": "accuracy", "brier": "Brier score", "ece": "ECE"}


def model_page(run: Run, shared: Path, name: str) -> str:
    """Return the README.md of what `write_shareable` wrote of a run.

    Args:
        name: of the model, such as user/name.
    """
    model = read_json(shared / "model.json")
    metrics = read_json(shared / "metrics.json") if (shared / "metrics.json").is_file() else None
    figures = _figures(metrics)
    header = ModelCardData(
        library_name="fxkit",
        pipeline_tag="image-classification",
        tags=["fxkit", "x-ray", "fracture", "timm", model["model"]["backbone"]],
        model_name=name,
        eval_results=[_result(metric, found, metrics or {}) for metric, found in figures.items()] or None,
    )
    template = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        keep_trailing_newline=True,
    ).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        header=header.to_yaml(),
        name=name,
        model=model,
        metrics=metrics,
        figures={SHOWN[metric]: found for metric, found in figures.items()},
        parts=_parts(run),
        stamp=run.stamp,
        hashes=has_hashes(read_manifest(shared / "manifest.csv")),
        version=__version__,
    )


def _figures(metrics: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """The figures by film that are defined."""
    found = metrics["film"]["figures"] if metrics else {}
    return {name: found[name] for name in SHOWN if name in found and found[name]["value"] is not None}


def _result(metric: str, found: Mapping[str, Any], metrics: Mapping[str, Any]) -> EvalResult:
    return EvalResult(
        task_type="image-classification",
        dataset_type="test-split",
        dataset_name="the run's own test films",
        dataset_split="test",
        metric_type=metric,
        metric_name=SHOWN[metric],
        metric_value=round(found["value"], 4),
        metric_args={key: found[key] for key in ("low", "high")}
        | {"films": metrics["n_films"], "groups": metrics["n_groups"]},
    )


def _parts(run: Run) -> list[dict[str, Any]]:
    """Files, films and groups of each part of the split, and its films by class."""
    rows = []
    for part in SPLITS:
        own = usable(run.records, part)
        films = Counter(label for _, label in {(r.film, r.label) for r in own})
        counts = {"files": len(own), "films": sum(films.values()), "groups": len({r.group for r in own})}
        rows.append({"name": part, **counts, "classes": dict(sorted(films.items()))})
    return rows
