"""What the models of an ablation were made with, in the form in which an audit compares it with a run."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fxkit.config import Config
from fxkit.data.preprocessing import Preprocessing
from fxkit.metrics.json_result import as_json

# Settings that a frozen backbone's features depend on, besides the preprocessing; the audit names the backbone itself.
FEATURES = ("model.pretrained", "model.weights", "model.args")

WEIGHTS = "weights_sha256"

SOURCE = ("pretrained_tag", WEIGHTS)  # keys of environment.json

MAX_SHOWN = 40  # characters of a value

# Settings that do not change what is trained, and the preprocessing, which is compared as it was resolved.
IRRELEVANT = (
    "data.image_size",
    "data.resize",
    "data.workers",
    "data.max_pixels",
    "data.cache_bytes",
    "data.positive",
    "model.backbone",
    "model.mean",
    "model.std",
)


def describe_training(
    config: Config, mode: str, preprocessing: Preprocessing | None, source: Mapping[str, Any]
) -> dict[str, Any]:
    """Return by name all that two models of the same kind must have in common, as JSON keeps it.

    Args:
        mode: quick (a linear head on the features of a frozen backbone) or full.
        preprocessing: as the models were trained with it; None if it is unknown.
        source: of environment.json, which says what the initial weights were; keys that are unknown are left out.
    """
    parts = config.model_dump(mode="json", exclude={"trainer", "seed"})
    settings = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
    chosen = FEATURES if mode == "quick" else tuple(settings)
    made_with = {name: settings[name] for name in chosen if name not in IRRELEVANT}
    if config.model.weights:
        made_with["model.pretrained"] = False  # it is ignored
    elif mode == "quick" and not config.model.pretrained:
        made_with["seed"] = config.seed  # of the random weights that the features come from
    made_with |= {name: source[name] for name in SOURCE if source.get(name) is not None}
    if preprocessing is not None:
        made_with |= {f"preprocessing.{name}": value for name, value in asdict(preprocessing).items()}
    plain: dict[str, Any] = as_json(made_with)
    return plain


def describe_differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Return what differs, such as "image_size (64, and 224 in this run)"; only names that both have are compared."""
    same_file = bool(theirs.get(WEIGHTS)) and theirs.get(WEIGHTS) == ours.get(WEIGHTS)
    ignored = {"model.weights"} if same_file else set()  # the same file may have two paths
    return [
        f"{name.removeprefix('preprocessing.')} ({_shorten(value)}, and {_shorten(ours[name])} in this run)"
        for name, value in theirs.items()
        if name in ours and name not in ignored and value != ours[name]
    ]


def _shorten(value: Any) -> str:
    return f"{value[:MAX_SHOWN]}..." if isinstance(value, str) and len(value) > MAX_SHOWN else f"{value}"
