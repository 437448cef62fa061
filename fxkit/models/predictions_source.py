"""source.json: where the predictions in a folder come from that no run of fxkit made."""

import shlex
from pathlib import Path

from fxkit.errors import DataError, RunError
from fxkit.metrics.json_result import JsonResult, Number, read_optional_json

FILE = "source.json"


class PredictionsSource(JsonResult):
    """Where the predictions of a folder come from: a table, or a model that `fxkit evaluate --model` ran.

    Attributes:
        predictions: name of the table of predictions; "" if a model predicted.
        sha256: hash of its bytes in hexadecimal; "" if a model predicted.
        key: column that names the film.
        scores: column -> class whose score it holds.
        scale: probability, percent, logit or score. Values of scale score are no probabilities.
        threshold: probability from which a film counts as positive.
        films: name of the table that says more about the films; "" if there is none.
        trained_on: name of the table or folder of the films that the model was trained on; "" if it was not given.
        n_trained: number of these films.
        compared: how the films were compared with those of training.
        notes: how the tables were read.
        arguments: arguments of `fxkit evaluate` that name the table and say how it is read.
        model: name of the model, as the user gave it; "" for a table.
        model_sha256: hash of the model's file, its weights, or its function's source file; "" if unknown.
        model_kind: run, export, onnx, timm or predictor.
        model_options: options of the command line that say how the model is used, such as --mean and its value.
        model_input: what the model takes and returns, in lines.
    """

    predictions: str = ""
    sha256: str = ""
    key: str
    scores: dict[str, str]
    scale: str
    threshold: Number
    films: str = ""
    trained_on: str = ""
    n_trained: int = 0
    compared: str = ""
    notes: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    model: str = ""
    model_sha256: str = ""
    model_kind: str = ""
    model_options: tuple[str, ...] = ()
    model_input: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What must be the same for figures to be replaced by new ones: the table, or the model."""
        return self.sha256 or f"{self.model} {self.model_sha256} {' '.join(self.model_options)}"

    @property
    def model_command(self) -> str:
        """The options of the command line that name the model, such as --model FILE, quoted for a shell."""
        option = "--predictor" if self.model_kind == "predictor" else "--model"
        return shlex.join((option, self.model, *self.model_options))

    @property
    def evaluate_arguments(self) -> str:
        """The options of `fxkit evaluate` that name the table and say how it is read, quoted for a shell."""
        return shlex.join(self.arguments or ("--predictions", self.predictions))

    def arguments_for(self, table: str) -> str:
        """Return the options of `fxkit evaluate` that read another table in the same way, quoted for a shell."""
        names = ("--key", "--truth", "--score", "--scale", *(() if self.are_probabilities else ("--threshold",)))
        pairs = zip(self.arguments[::2], self.arguments[1::2], strict=True)
        return shlex.join(["--predictions", table, *(text for pair in pairs if pair[0] in names for text in pair)])

    @property
    def are_probabilities(self) -> bool:
        """Whether the scores are probabilities, so that their calibration can be judged."""
        return self.scale != "score"

    def refuse_scores(self, folder: Path) -> None:
        """Raise DataError if the scores are no probabilities."""
        if not self.are_probabilities:
            raise DataError(
                f"{folder}: its scores are of scale {self.scale!r} and no probabilities; expected probabilities or "
                "logits"
            )


def read_source(folder: Path) -> PredictionsSource:
    """Read source.json.

    Raises:
        RunError: the file is missing or damaged.
    """
    source = read_optional_json(folder / FILE, PredictionsSource.model_validate)
    if source is None:
        raise RunError(f"{folder / FILE}: no such file; make it with `fxkit evaluate --predictions` or `--model`")
    return source
