"""Write the model card of a shared model: README.md with a YAML header for the Hugging Face hub.

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

METRIC_NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "accuracy": "accuracy",
    "brier": "Brier score",
    "ece": "ECE",
}


def render_model_card(run: Run, shared: Path, name: str) -> str:
    """Return the text of the model card.

    Args:
        shared: folder with the files that `write_shareable` wrote.
        name: the model's name, such as user/name.
    """
    model = read_json(shared / "model.json")
    metrics = read_json(shared / "metrics.json") if (shared / "metrics.json").is_file() else None
    figures = _figures(metrics)
    header = ModelCardData(
        library_name="fxkit",
        pipeline_tag="image-classification",
        tags=["fxkit", "x-ray", "fracture", "timm", model["model"]["backbone"]],
        model_name=name,
        eval_results=[_result(metric, figure, metrics or {}) for metric, figure in figures.items()] or None,
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
        figures={METRIC_NAMES[metric]: figure for metric, figure in figures.items()},
        parts=_parts(run),
        stamp=run.stamp,
        hashes=has_hashes(read_manifest(shared / "manifest.csv")),
        version=__version__,
    )


def _figures(metrics: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """Return the figures by film that have a value."""
    figures = metrics["film"]["figures"] if metrics else {}
    return {name: figures[name] for name in METRIC_NAMES if name in figures and figures[name]["value"] is not None}


def _result(metric: str, figure: Mapping[str, Any], metrics: Mapping[str, Any]) -> EvalResult:
    return EvalResult(
        task_type="image-classification",
        dataset_type="test-split",
        dataset_name="the run's own test films",
        dataset_split="test",
        metric_type=metric,
        metric_name=METRIC_NAMES[metric],
        metric_value=round(figure["value"], 4),
        metric_args={key: figure[key] for key in ("low", "high")}
        | {"films": metrics["n_films"], "groups": metrics["n_groups"]},
    )


def _parts(run: Run) -> list[dict[str, Any]]:
    """Return the numbers of files, films and groups of each split, and its films by class."""
    rows = []
    for part in SPLITS:
        records = usable(run.records, part)
        films = Counter(label for _, label in {(r.film, r.label) for r in records})
        counts = {"files": len(records), "films": sum(films.values()), "groups": len({r.group for r in records})}
        rows.append({"name": part, **counts, "classes": dict(sorted(films.items()))})
    return rows
