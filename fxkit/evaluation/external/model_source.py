"""A model and films as a caller of the Python API gives them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from fxkit.data.manifest import REQUIRED, Record, read_manifest, usable
from fxkit.data.positive import order_classes
from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.external.frames import is_frame, read_columns
from fxkit.evaluation.external.python_words import in_python_words
from fxkit.evaluation.result import EvaluationResult
from fxkit.evaluation.temporary_folder import TemporaryFolder
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.models.predictions_source import FILE
from fxkit.models.run_folder import open_results
from preprocess.tables.columns import find_named
from preprocess.tables.read import read_table

if TYPE_CHECKING:
    from fxkit.models.given.open import OpenedModel

Films = tuple[Path, list[Record]]  # folder that the paths are relative to, and a record for each file


class InputArguments(TypedDict, total=False):
    """What a model made elsewhere takes, where its file does not say it; a function takes films as they are.

    Attributes:
        input_size: side in pixels, or height and width.
        channels: 1, or 3 equal ones.
        value_range: values of black and white before the normalisation; default: 0 and 1.
        mean, std: numbers for all channels, or one for each.
        resize: "stretch", "pad" (with black) or "crop" (the centre).
        crop_fraction: with "crop", the side of the centre as a fraction of the film's shorter side.
    """

    input_size: int | tuple[int, int]
    channels: int
    value_range: tuple[float, float]
    mean: float | Sequence[float]
    std: float | Sequence[float]
    resize: str
    crop_fraction: float


class ModelArguments(InputArguments, total=False):
    """What a model made elsewhere takes and returns, where its file does not say it; see also `InputArguments`.

    Attributes:
        classes: names in the order of the outputs; a single output is that of the second of two.
        scale: "probability" or "logit".
        threshold: probability from which a film counts as positive.
    """

    classes: Sequence[str]
    scale: str
    threshold: float


def as_options(arguments: ModelArguments, positive: str | None = None) -> tuple[str, ...]:
    """Return the command-line options that mean the same, so that they can be recorded."""
    options: list[str] = []
    for name, value in {**arguments, "positive": positive}.items():
        if value is None or name == "crop_fraction":
            continue
        if name == "resize" and arguments.get("crop_fraction") is not None:
            value = f"{value}={arguments['crop_fraction']:g}"
        separator = "x" if name == "input_size" else ","
        text = value if isinstance(value, str) or not isinstance(value, Sequence) else separator.join(map(str, value))
        options += [f"--{'range' if name == 'value_range' else name.replace('_', '-')}", str(text)]
    return tuple(options)


def find_films(films: Any, root: str | Path | None, *, split: str = "none") -> Films:
    """Return the folder and the records of films.

    Args:
        films: a result of `fxkit.evaluate` or its folder; a folder with a folder for each class; a table with a path
            and a class in each row, in memory or as a file; a manifest; an `Index` of `fxkit.index_data`; or records.
        root: folder that the paths of a table, a manifest or records are relative to.
        split: "given" keeps the split of folders named train, val and test, and of tables; "none" does not.
    Raises:
        DataError: the films cannot be found or read.
        ConfigError: the folder of the paths is not given.
    """
    if isinstance(films, EvaluationResult) or (isinstance(films, (str, Path)) and (Path(films) / FILE).is_file()):
        return _of_results(films.folder if isinstance(films, EvaluationResult) else Path(films), root)
    if isinstance(films, Index):
        return films.root, list(films.records)
    if isinstance(films, (str, Path)):
        return _of_path(Path(films), root, split)
    if is_frame(films):
        temporary = TemporaryFolder()
        file = temporary.path / "films.csv"
        read_columns(films, "films").write_csv(file)
        with in_python_words({file: "films"}):
            return _indexed(file, _needed(root, "a table of films"), split)
    if isinstance(films, Sequence) and films and all(isinstance(record, Record) for record in films):
        return _needed(root, "records"), list(films)
    raise DataError(
        f"films is of type {type(films).__name__}; expected a folder, a table with paths and classes, a manifest, "
        "records, or a result of fxkit.evaluate"
    )


def _of_results(folder: Path, root: str | Path | None) -> Films:
    results = open_results(folder)
    image_root = Path(root) if root is not None else results.root
    if not all((image_root / record.path).is_file() for record in usable(results.records)[:1]):
        raise DataError(
            f"{folder}: its films are not in {image_root}; expected the films of the predictions; give root=, the "
            "folder that their paths are relative to"
        )
    return image_root, list(results.records)


def _of_path(path: Path, root: str | Path | None, split: str) -> Films:
    if path.is_file():
        columns = read_table(path, "expected a table of films").columns
        if all(find_named(columns, name) for name in REQUIRED):
            return _needed(root, f"the manifest {path}"), read_manifest(path)
    return _indexed(path, Path(root) if root is not None else None, split)


def _indexed(data: Path, root: Path | None, split: str) -> Films:
    index = index_data(data, IndexOptions(root=root, split=split))
    return index.root, list(index.records)


def _needed(root: str | Path | None, what: str) -> Path:
    if root is None:
        raise ConfigError(f"{what}: give root=, the folder that the paths are relative to")
    return Path(root)


def open_any_model(
    model: "str | Path | Callable[..., Any]",
    records: Sequence[Record],
    arguments: ModelArguments,
    *,
    positive: Any = None,
    device: str = "auto",
) -> "OpenedModel":
    """Open a run folder, an exported file, an ONNX file, a name in timm's format, or a function.

    Args:
        records: the films, whose classes name a single output if nothing else does.
    Raises:
        ConfigError, RunError: there is no such model, or its arguments do not fit.
    """
    from fxkit.models.given.open import open_function, open_model
    from fxkit.models.given.options import GivenOptions

    if unknown := arguments.keys() - ModelArguments.__annotations__.keys():
        raise TypeError(f"unexpected keyword argument {min(unknown)!r}")
    values: dict[str, Any] = dict(arguments)
    if isinstance(side := values.get("input_size"), int):
        values["input_size"] = (side, side)
    for name in ("mean", "std", "classes"):
        if name in values:
            values[name] = tuple(values[name]) if isinstance(values[name], Sequence) else (float(values[name]),)
    positive = None if positive is None else str(positive)
    with in_python_words({}):
        classes = order_classes((record.label for record in usable(records)), positive)
        options = GivenOptions(**values, data_classes=classes, positive=positive)
        if callable(model):
            return open_function(model, options)
        return open_model(model, options, device=device, films=len(records))
