"""Test from Python whether a given model relies on markers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxkit.ablation.given import Report, ablate_given
from fxkit.ablation.settings import AblationOptions, read_ablation_settings
from fxkit.evaluation.external.frames import Frame
from fxkit.evaluation.external.model_source import ModelArguments, find_films, open_any_model
from fxkit.evaluation.external.python_words import in_python_words
from fxkit.evaluation.result import EvaluationResult
from fxkit.evaluation.temporary_folder import TemporaryFolder
from fxkit.models.predictions_source import FILE
from fxkit.report.ablation import Ablation
from fxkit.report.marker_verdict import MARKERS

if TYPE_CHECKING:
    from typing_extensions import Unpack


def ablate(
    model: "str | Path | Callable[..., Any]",
    films: "EvaluationResult | Frame | str | Path | Sequence[Any]",
    *,
    root: "str | Path | None" = None,
    positive: Any = None,
    seeds: Sequence[int] | None = None,
    out: "str | Path | None" = None,
    options: AblationOptions | None = None,
    on_step: Report = lambda step: None,
    **arguments: "Unpack[ModelArguments]",
) -> Ablation:
    """Test whether a model relies on text markers; nothing is trained (for that, see `fxkit.run_ablation`).

    Args:
        model: a run folder, an ONNX file, an exported file or a name in timm's format; or a function from a list of
            films, (H, W) uint8 arrays, to (N, C) probabilities, or (N,) of the second of two classes.
        films: a result of `fxkit.evaluate` with films at hand, or its folder: `fxkit.audit` then knows the answer. Or a
            folder with a folder for each class, a table with paths and classes, a manifest, an index, or records. Of
            films with splits, the test films are used.
        root: folder that paths are relative to.
        positive: positive class of two.
        seeds: for the places of the control and the pasted markers; default: 0, 1 and 2.
        out: folder for the edited films and ablation.json; default: the evaluated folder, or else a temporary one.
        options: see `fxkit.AblationOptions`; default: films are cleaned into ROOT-clean.
        arguments: see `ModelArguments`.
    Raises:
        KnownError: the model cannot be opened, the films cannot be read, or a class has none.
    """
    image_root, records = find_films(films, root)
    opened = open_any_model(model, records, arguments, positive=positive)
    temporary = TemporaryFolder()
    folder = Path(out) if out is not None else _evaluated(films) or temporary.path / "ablation"
    settings = read_ablation_settings(MARKERS, seeds=seeds)
    with in_python_words({}):
        return ablate_given(
            opened, image_root, records, folder, settings, options or AblationOptions(), on_step=on_step
        )


def _evaluated(films: Any) -> Path | None:
    """Return the folder of an evaluation."""
    if isinstance(films, EvaluationResult):
        return films.folder
    return Path(films) if isinstance(films, (str, Path)) and (Path(films) / FILE).is_file() else None
