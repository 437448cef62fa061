"""The part of `fxkit evaluate` for a model that was made elsewhere and predicts here."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxkit.cli.given_options import open_given, read_given_options
from fxkit.cli.options import load_source, print_notes

if TYPE_CHECKING:
    from fxkit.evaluation.result import EvaluationResult

SCALES = (None, "probability", "logit")


def evaluate_given(options: dict[str, Any]) -> "EvaluationResult":
    """Evaluate the model or function that the options name on the films of --data or --manifest."""
    from fxkit.data.manifest import usable
    from fxkit.data.positive import order_classes
    from fxkit.evaluation.analyses import AnalysisOptions
    from fxkit.evaluation.external.evaluate_model import ModelOptions, evaluate_model, evaluate_other_films
    from fxkit.metrics.operating_points import parse_target
    from fxkit.models.given.open import check_name

    if options["scale"] not in SCALES:
        raise click.UsageError(f"--scale {options['scale']} needs --predictions; a model returns probability or logit")
    further = {name: options[name] for name in ("scale", "positive", "threshold")}
    data, manifest, root = options["data"], options["manifest"], options["root"]
    read_given_options(dict(options), **further)  # refuses wrong texts before the films are read
    check_name(options["model"], options["predictor"])
    folder, records = load_source(data, manifest, root, split="given")
    labels = order_classes({record.label for record in usable(records)})
    given, arguments = read_given_options(options, **further, data_classes=labels)
    opened = open_given(options["model"], options["predictor"], given, device=options["device"], films=len(records))
    print_notes([*filter(None, [opened.note]), *opened.describe()])
    analysis = {name: options[name] for name in ("prevalence", "markers", "table", "columns")}
    settings = ModelOptions(
        arguments=arguments,
        trained_root=_trained_root(options, folder),
        analyses=AnalysisOptions(tuple(map(parse_target, options["targets"])), **analysis),
        **{name: options[name] for name in ("trained_on", "raw", "overwrite")},
    )
    out, name = options["out"], options["name"]
    if name is None:
        return evaluate_model(opened, records, folder, out, settings)
    return evaluate_other_films(opened, records, folder, out, name, settings, allow_leaks=options["allow_leaks"])


def _trained_root(options: dict[str, Any], root: Path) -> Path | None:
    """Return the folder of the training films: that of the films if the same manifest lists both."""
    given: Path | None = options["trained_root"]
    trained_on, manifest = options["trained_on"], options["manifest"]
    if given is not None or trained_on is None or manifest is None:
        return given
    return root if trained_on.resolve() == manifest.resolve() else None
