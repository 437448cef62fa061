"""What a file of figures was made from, by hashes: an audit tells whether one of the files was changed afterwards."""

from pathlib import Path

from fxkit.metrics.json_result import JsonResult
from preprocess.files import sha256_of

KEY = "made_from"  # of metrics.json and metrics_out_of_fold.json


class MadeFrom(JsonResult):
    """The SHA-256 of each file that figures were made from; "" for a file that was not there.

    Attributes:
        predictions: predictions.csv or out_of_fold.csv.
        weights: model.safetensors.
        model: model.json, which holds the calibration; "" for out-of-fold figures, which do not use it.
        manifest: manifest.csv.
    """

    predictions: str = ""
    weights: str = ""
    model: str = ""
    manifest: str = ""


def hash_made_from(run: Path, predictions: Path, *, with_model: bool = True) -> MadeFrom:
    """Return the hashes of the files of a run, and of the predictions that its figures were computed from."""
    return MadeFrom(
        predictions=_hash(predictions),
        weights=_hash(run / "model.safetensors"),
        model=_hash(run / "model.json") if with_model else "",
        manifest=_hash(run / "manifest.csv"),
    )


def _hash(file: Path) -> str:
    return sha256_of(file) if file.is_file() else ""


def find_changes(run: Path, predictions: Path, made_from: MadeFrom) -> list[str]:
    """Return the names of the files that were changed or removed after the figures were made from them."""
    now = hash_made_from(run, predictions, with_model=bool(made_from.model))
    files = {"predictions": predictions.name, "weights": "model.safetensors", "model": "model.json"}
    files["manifest"] = "manifest.csv"
    before, after = made_from.model_dump(), now.model_dump()
    return [name for key, name in files.items() if before[key] and before[key] != after[key]]
