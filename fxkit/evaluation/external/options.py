"""How to read a table of predictions, and the arguments of `fxkit evaluate` that say so."""

from dataclasses import dataclass, field
from pathlib import Path

from fxkit.evaluation.analyses import AnalysisOptions
from fxkit.evaluation.external.columns import ColumnChoice


@dataclass(frozen=True)
class TableOptions:
    """How to read a table of predictions.

    Attributes:
        columns: columns that the user names.
        films: second table, which says more about the films.
        trained_on: folder or table of the films that the model was trained on.
        root: folder of the films, if they are at hand; their pixels are then compared.
        trained_root: folder of the training films, if `trained_on` is a table.
        positive: positive class of two.
        threshold: probability from which a film counts as positive; with scale "score", a score. None for 0.5.
        analyses: operating points, prevalence and subgroups. Thresholds are chosen on the rows of the split val.
        overwrite: replace figures of other predictions in the folder.
    """

    columns: ColumnChoice = field(default_factory=ColumnChoice)
    films: Path | None = None
    trained_on: Path | None = None
    root: Path | None = None
    trained_root: Path | None = None
    positive: str | None = None
    threshold: float | None = None
    analyses: AnalysisOptions = field(default_factory=AnalysisOptions)
    overwrite: bool = False


DEFAULTS = TableOptions()


def table_arguments(file: Path, options: TableOptions) -> tuple[str, ...]:
    """Return the arguments of `fxkit evaluate` that give these options, except --out and --overwrite."""
    columns, analyses = options.columns, options.analyses
    single = {
        "--predictions": file,
        "--films": options.films,
        "--root": options.root,
        "--trained-on": options.trained_on,
        "--trained-root": options.trained_root,
        "--key": columns.key,
        "--truth": columns.truth,
        "--scale": columns.scale,
        "--positive": options.positive,
        "--threshold": options.threshold,
        "--prevalence": analyses.prevalence,
        "--markers": analyses.markers,
        "--subgroups": analyses.table,
    }
    repeated = {
        "--score": columns.scores,
        "--target": [target.argument for target in analyses.targets],
        "--by": analyses.columns,
    }
    pairs = [(name, value) for name, value in single.items() if value is not None]
    pairs += [(name, value) for name, values in repeated.items() for value in values]
    return tuple(text for name, value in pairs for text in (name, str(value)))
