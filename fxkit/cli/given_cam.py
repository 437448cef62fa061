"""What `fxkit cam` does with a model that was made elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxkit.cli.given_options import OUTPUT_OPTIONS, open_given, read_given_options
from fxkit.cli.options import list_image_files, print_notes

if TYPE_CHECKING:
    from fxkit.explain.films import Film
    from fxkit.models.given.open import OpenedModel
    from fxkit.models.run_folder import Results
    from fxkit.report.attention import AttentionSummary


@dataclass(frozen=True)
class Explained:
    """What the command prints: the summary, the folder with the maps, and the classes of the model."""

    summary: "AttentionSummary"
    folder: Path
    classes: tuple[str, ...]


def explain_given(
    folder: Path | None, images: tuple[Path, ...], out: Path | None, options: dict[str, Any]
) -> Explained:
    """Map films with the model that the options name.

    Args:
        folder: the folder that `fxkit evaluate` wrote, or the first image.
    """
    from fxkit.explain.explain import ExplainOptions, explain_with
    from fxkit.explain.films import films_from_images, films_from_run
    from fxkit.explain.occlusion import OcclusionMapper
    from fxkit.models.predictions_source import FILE
    from fxkit.models.run_folder import open_results

    results = open_results(folder) if folder is not None and (folder / FILE).is_file() else None
    if results is None:
        images = (*([folder] if folder else []), *images)
    if out is None and results is None:
        raise click.UsageError("--out is needed with --model or --predictor for IMAGES")
    if not images and results is None:
        raise click.UsageError("give IMAGES, or the folder that `fxkit evaluate --model` wrote")
    if options["boxes"] is not None and images:
        raise click.UsageError("--boxes describes the test films of a folder, so it cannot be combined with IMAGES")
    model = open_for_maps(results, options)
    films: Iterable[Film]
    if images or results is None:
        paths, unlisted = list_image_files(images)
        print_notes(error for _, error in unlisted)
        films = films_from_images(paths, options["markers"])
    else:
        keys = ("root", "markers", "boxes", "limit")
        films = list(films_from_run(results, **{key: options[key] for key in keys}))
        check_same_model(model, results, options["root"] or results.root, films)
    target = out or Path(str(folder)) / "cam"
    settings = ExplainOptions(stamp=results.stamp if results else "")
    explanation = explain_with(OcclusionMapper(model), films, target, settings)
    return Explained(explanation.summary, target, model.classes)


def open_for_maps(results: "Results | None", options: dict[str, Any]) -> "OpenedModel":
    """Open the model, and refuse what only networks in torch can do."""
    from fxkit.errors import ConfigError

    name, predictor = options["model"], options["predictor"]
    if name is not None and predictor is not None:
        raise click.UsageError("--model and --predictor cannot be combined")
    if options["method"] not in (None, "occlusion"):
        raise ConfigError(
            f"--method {options['method']}: needs the gradients of a network in torch, and {name or predictor} is "
            "opened without them; leave the option out for occlusion, or use fxkit.explain_module"
        )
    if options["sanity"]:
        raise ConfigError(
            f"--sanity: compares the maps with those of shuffled weights, and the weights of {name or predictor} "
            "cannot be shuffled from outside; leave the option out"
        )
    classes = results.classes if results else None
    outputs = {name: options[name] for name in OUTPUT_OPTIONS}
    given, _ = read_given_options(options, positive=options["positive"], data_classes=classes, **outputs)
    model = open_given(name, predictor, given, device=options["device"])
    print_notes([*filter(None, [model.note]), *([] if model.kind in ("run", "export") else model.describe())])
    return model


def check_same_model(model: "OpenedModel", results: "Results", root: Path, films: "Sequence[Film]") -> None:
    """Refuse a model that gives other probabilities than those in the folder, so that a report cannot mix models."""
    from fxkit.evaluation.external.same_model import compare_with_folder
    from fxkit.models.predict_with import predict_records_with
    from preprocess.image_files import MAX_PIXELS

    names = {film.name for film in films}
    records = [record for record in results.records if record.path in names]
    compare_with_folder(results.folder, predict_records_with(model.network, root, records, max_pixels=MAX_PIXELS))
