"""labels.json: the summary of `fxkit label-errors`, which the audit reads."""

from pathlib import Path

from fxkit.metrics.json_result import JsonResult, Number, read_optional_json

FILE = "labels.json"


class LabelCheck(JsonResult):
    """How many labels of a run's films are probably wrong.

    Attributes:
        part: folder in the run that the predictions are of; "" for its own films.
        kind: what the predictions are, such as "out-of-fold predictions".
        n_films: films with a label and a prediction by a model that did not train on them.
        n_groups: groups of these films.
        n_left_out: files that were left out because training has seen films of their group.
        n_suspected: films whose label is probably wrong; see `fxkit.metrics.label_errors`.
        suspected: label -> suggested label -> number of suspected films.
        thresholds: class -> mean predicted probability over the films with that label.
        n_judged: suspected films with a person's verdict.
        n_accepted: films whose label a person called wrong and which still have it.
        n_rejected: films whose label a person called right.
        sha256: hash of the run's manifest.
    """

    part: str
    kind: str
    n_films: int
    n_groups: int
    n_left_out: int
    n_suspected: int
    suspected: dict[str, dict[str, int]]
    thresholds: dict[str, Number]
    n_judged: int
    n_accepted: int
    n_rejected: int
    sha256: str


def read_label_check(folder: Path) -> LabelCheck | None:
    """Read labels.json from a run folder; None without it.

    Raises:
        RunError: the file is damaged.
    """
    return read_optional_json(folder / FILE, LabelCheck.model_validate)
