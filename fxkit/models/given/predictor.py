"""Predict with a Python function that the user names, so that models of any library fit."""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from fxkit.errors import ConfigError, RunError
from fxkit.models.given.network import FilmModel, GivenCard, batch_note, constant_note, probe_pictures
from fxkit.models.given.options import NO_OPTIONS, GivenOptions
from fxkit.models.given.outputs import as_matrix, name_outputs, softmax_note
from preprocess.errors import one_line
from preprocess.files import sha256_of
from preprocess.images import Array

Predictor = Callable[[list[Array]], Any]

EXPECTED = "expected MODULE:FUNCTION, such as mymodel:predict"


def open_predictor(predictor: str | Predictor, options: GivenOptions = NO_OPTIONS) -> FilmModel:
    """Open a function from a list of N films, (H, W) uint8 of any size, to (N, C) probabilities, and try it.

    A function with one value for each film, (N,) or (N, 1), returns the probability of the second of two classes. An
    attribute `classes` of the function names its outputs in their order.

    Args:
        predictor: the function, or MODULE:FUNCTION. The module is imported from the current folder or Python's path.
        options: those that describe the input are refused, because the function prepares films itself.
    Raises:
        ConfigError: there is no such function, its classes are not named, or an option does not fit.
        RunError: the module cannot be imported, or the function fails on test pictures or returns no probabilities.
    """
    if options.about_input:
        raise ConfigError(f"{options.about_input[0]}: a function prepares films itself; leave the option out")
    function = import_function(predictor) if isinstance(predictor, str) else predictor
    name = predictor if isinstance(predictor, str) else getattr(predictor, "__name__", type(predictor).__name__)

    def run(films: Sequence[Array]) -> Any:
        return _call(function, films, name)

    pictures = probe_pictures()
    returned = run(pictures)
    probe = as_matrix(returned, name, len(pictures))
    classes = _own_classes(function) or _headings(returned, name, options)
    outputs = name_outputs(name, probe.shape[1], options.scale or "probability", classes, options)
    outputs.to_probabilities(probe, len(pictures))
    threshold = 0.5 if options.threshold is None else options.threshold
    same = constant_note(probe, "does the function use the films?")
    notes = (*softmax_note(probe, outputs.scale), *same, *batch_note(run, pictures, probe))
    return FilmModel(GivenCard(outputs.classes, threshold, _hash(function)), outputs, run, notes=notes)


def import_function(name: str) -> Predictor:
    """Import MODULE:FUNCTION. Only the module that the user names is run.

    Raises:
        ConfigError: the name has another form, or there is no such module or function.
        RunError: the module cannot be imported.
    """
    module_name, _, function_name = name.partition(":")
    parts = [*module_name.split("."), *function_name.split(".")]
    if not all(part.isidentifier() for part in parts):
        raise ConfigError(f"--predictor {name!r}: {EXPECTED}")
    module = _import(module_name, name)
    value: Any = module
    for part in function_name.split("."):
        if not hasattr(value, part):
            raise ConfigError(f"--predictor {name}: {module_name} has no function {function_name!r}; {EXPECTED}")
        value = getattr(value, part)
    if not callable(value):
        raise ConfigError(f"--predictor {name}: {function_name} is of type {type(value).__name__}; expected a function")
    return cast(Predictor, value)


def _import(module_name: str, name: str) -> Any:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and module_name.split(".")[: len(error.name.split("."))] == error.name.split("."):
            raise ConfigError(
                f"--predictor {name}: there is no module {error.name!r} in {here} or on PYTHONPATH; {EXPECTED}"
            ) from error
        raise RunError(f"--predictor {name}: needs the package {error.name!r}, which is not installed") from error
    except (Exception, SystemExit) as error:
        raise RunError(f"--predictor {name}: cannot be imported ({_describe(error)}); correct the module") from error
    finally:
        sys.path.remove(here)


def _call(function: Predictor, films: Sequence[Array], name: str) -> Any:
    try:
        result = function([film.copy() for film in films])  # it may write into them
        return result.detach().cpu().numpy() if hasattr(result, "detach") else result
    except (Exception, SystemExit) as error:
        raise RunError(
            f"{name}: fails on {len(films)} films ({_describe(error)}); expected a function from a list of (H, W) "
            "uint8 arrays to (N, C) probabilities"
        ) from error


def _describe(error: BaseException) -> str:
    """Return the type, the text and the place of an error on one line."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f", {Path(last[0].filename).name} line {last[0].lineno}" if last else ""
    return one_line(f"{type(error).__name__}: {error}"[:200]) + where


def _own_classes(function: Predictor) -> tuple[str, ...] | None:
    classes = getattr(function, "classes", None)
    return None if classes is None else tuple(map(str, classes))


def _headings(returned: Any, name: str, options: GivenOptions) -> tuple[str, ...] | None:
    """Return the names of the columns, if the function returned a DataFrame with names.

    Raises:
        ConfigError: --classes names the same classes in another order.
    """
    headings = tuple(getattr(returned, "columns", ()))
    if len(headings) < 2 or not all(isinstance(heading, str) for heading in headings):
        return None
    if options.classes and options.classes != headings and {*options.classes} == {*headings}:
        raise ConfigError(
            f"{name}: returned the columns {', '.join(headings)}; --classes says {', '.join(options.classes)}; "
            "expected one order; leave --classes out"
        )
    return headings


def _hash(function: Predictor) -> str:
    """Return the SHA-256 of the function's source file; "" if it has none."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(function) if inspect.isroutine(function) else type(function))
    except TypeError:
        file = None
    return sha256_of(Path(file)) if file and Path(file).is_file() else ""
