"""Evaluate a model on films from Python. The figures are those of the command."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from fxkit.evaluation.analyses import AnalysisOptions
from fxkit.evaluation.external.evaluate import GIVEN_FILES
from fxkit.evaluation.external.evaluate_model import ModelOptions, evaluate_model
from fxkit.evaluation.external.given import Given
from fxkit.evaluation.external.model_source import ModelArguments, as_options, find_films, open_any_model
from fxkit.evaluation.external.python_words import in_python_words, to_python
from fxkit.evaluation.result import EvaluationResult
from fxkit.evaluation.temporary_folder import TemporaryFolder
from fxkit.metrics.operating_points import parse_target

AnyModel = str | Path | Callable[..., Any]


def evaluate_films(
    model: AnyModel,
    films: Any,
    arguments: ModelArguments,
    positive: Any,
    trained_on: Given | None,
    out: str | Path | None,
    further: Mapping[str, Any],
) -> EvaluationResult:
    """Predict films with a model and evaluate it; see `fxkit.evaluate`.

    Args:
        further: `root`, `trained_root`, `targets`, `prevalence` and `overwrite` of `TableArguments`.
    """
    positive = None if positive is None else str(positive)
    with in_python_words({}):
        image_root, records = find_films(films, further.get("root"), split="given")
    opened = open_any_model(model, records, arguments, positive=positive)
    temporary = TemporaryFolder()
    folder = temporary.path / "results" if out is None else Path(out)
    trained_file = None if trained_on is None else trained_on.file(temporary.path, GIVEN_FILES[2])
    words = {trained_file: trained_on.name} if trained_on and trained_file else {}
    with in_python_words(words):
        options = ModelOptions(
            arguments=as_options(arguments, positive),
            trained_on=trained_file,
            trained_root=Path(further["trained_root"]) if further.get("trained_root") is not None else None,
            analyses=AnalysisOptions(tuple(map(parse_target, further.get("targets", ()))), further.get("prevalence")),
            overwrite=cast(bool, further.get("overwrite", False)),
        )
        result = evaluate_model(opened, records, image_root, folder, options)
    notes = [to_python(note, words) for note in (*filter(None, [opened.note]), *opened.describe(), *result.notes)]
    return replace(result, notes=tuple(notes), temporary=temporary if out is None else None)
