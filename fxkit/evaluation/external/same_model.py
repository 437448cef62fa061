"""Whether the predictions in a folder are those of a given model, so that its ablation counts for the folder."""

from pathlib import Path

import numpy as np

from fxkit.errors import DataError
from fxkit.metrics.predictions import Predictions
from preprocess.files import sha256_of
from preprocess.words import amount

FILE = "predictions.csv"  # that `fxkit evaluate` writes

TOLERANCE = 0.01  # of a probability: tables are rounded, and other software resizes and multiplies a little differently


def compare_with_folder(folder: Path, raw: Predictions) -> str:
    """Compare a model's predictions of the raw films with those in a folder that was evaluated.

    Returns:
        The SHA-256 of the folder's predictions; "" if it has none.
    Raises:
        DataError: the folder holds the predictions of another model, of other classes or of other films.
    """
    file = folder / FILE
    if not file.is_file():
        return ""
    stored = Predictions.read_csv(file)
    if set(stored.classes) != set(raw.classes):
        raise DataError(
            f"{file}: the classes are {', '.join(stored.classes)}, and those of the model {', '.join(raw.classes)}; "
            "expected the same; choose another --out, or name the classes of the model as there"
        )
    row = {path: n for n, path in enumerate(stored.paths)}
    lost = [path for path in raw.paths if path not in row]
    if lost:
        raise DataError(
            f"{file}: has no row for {amount(len(lost), 'tested film')}, such as {lost[0]}; expected the predictions "
            "of these films; choose another --out, or test the films that were evaluated"
        )
    columns = [stored.classes.index(name) for name in raw.classes]
    before = stored.probabilities[[row[path] for path in raw.paths]][:, columns]
    difference = np.abs(before - raw.probabilities).max(axis=1)
    n_off = int((difference > TOLERANCE).sum())
    if n_off:
        worst = int(difference.argmax())
        raise DataError(
            f"{file}: {n_off} of {amount(len(raw), 'film')} have other probabilities there than the model gives now "
            f"(by up to {difference[worst]:.3g}: {raw.paths[worst]}); expected the predictions of this model; choose "
            "another --out, or give the model and the input options that these predictions were made with"
        )
    return sha256_of(file)
