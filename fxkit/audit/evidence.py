"""Evidence of an audit: the files in the run folder and beside it. Nothing is trained or predicted."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from fxkit.audit.integrity import Integrity, check_figures
from fxkit.audit.marker_recall import JudgedSample, read_sample
from fxkit.data.leaks import LeakCounts, count_leaks
from fxkit.data.manifest import Record, manifest_hash, usable
from fxkit.errors import RunError
from fxkit.index.datacard.verdicts import ALL
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import read_optional_json
from fxkit.models.model_json import read_card
from fxkit.models.predictions_source import PredictionsSource, read_source
from fxkit.models.run_folder import Results, Run, open_results, read_json
from fxkit.report.ablation import Ablation
from fxkit.report.build import Report, read_report
from fxkit.report.made_with import describe_training
from fxkit.report.marker_verdict import MARKERS, read_ablation
from fxkit.report.results import Scores
from preprocess.tables.cells import label_key

INTERVAL = TypeAdapter(Interval)


@dataclass(frozen=True)
class MetadataBaseline:
    """The baseline of a data card that predicts the class from metadata alone.

    Attributes:
        verdict: "" if the card has no baseline.
        kind: the set of metadata whose AUROC has the highest lower limit.
        strongest: that AUROC; None if no AUROC has an interval.
        n_described: number of this run's files that the card describes, by their names.
        n_changed: those of them that had other bytes.
        n_relabelled: those of them that had another class.
        n_further: files of the card that this run does not have.
        is_bound: whether the card records the bytes and classes of its files, and the run's manifest the bytes.
    """

    file: Path
    verdict: str
    kind: str
    strongest: Interval | None
    n_described: int
    n_changed: int = 0
    n_relabelled: int = 0
    n_further: int = 0
    is_bound: bool = False


@dataclass(frozen=True)
class Evidence:
    """Everything that the questions are answered from.

    Attributes:
        run: the run, or the folder of predictions that were made elsewhere.
        source: where these predictions come from; None for a run.
        tested: usable files that the run's score is computed on: the test split, or all folds.
        test_leaks, val_leaks: leaks from training into the test and validation sets.
        metadata: None without a data card.
        ablation: the marker ablation; None if there is none.
        ablation_file: the file that the ablation was read from.
        made_with: what the run's model was made with, as far as the ablation has to have it in common.
        siblings: names of other runs in the same folder that were evaluated on the same manifest.
        integrity: whether the run's own figures still belong to its files.
        epoch_is_recorded: whether the training recorded which epoch it kept.
        sample: the judged sample of a cleaned folder; None if none was given.
    """

    run: Results
    source: PredictionsSource | None
    report: Report
    tested: tuple[Record, ...]
    test_leaks: LeakCounts
    val_leaks: LeakCounts
    metadata: MetadataBaseline | None
    ablation: Ablation | None
    ablation_file: Path | None
    made_with: Mapping[str, Any]
    siblings: tuple[str, ...]
    integrity: Integrity
    epoch_is_recorded: bool
    sample: JudgedSample | None = None

    @property
    def trained_run(self) -> Run | None:
        """The run that trained the model; None for predictions that were made elsewhere."""
        return self.run if isinstance(self.run, Run) else None

    @property
    def is_probe(self) -> bool:
        """Whether the model is a linear head on the features of a frozen backbone."""
        if self.trained_run is None:
            return False
        optim = self.trained_run.config.optim
        return optim.head == "probe" and not optim.epochs[1]

    @property
    def quoted_folder(self) -> str:
        """The run folder, quoted for a shell."""
        return shlex.quote(str(self.run.folder))

    @property
    def is_out_of_fold(self) -> bool:
        """Whether the scores are those of the folds, because the run was not evaluated on test films."""
        return self.report.scores is None and self.report.folds is not None

    @property
    def evaluate_command(self) -> str:
        """The command that computes the scores again."""
        if self.source is not None and self.source.model:
            films = f"--manifest {self.quoted_folder}/manifest.csv --root {shlex.quote(str(self.run.root))}"
            return f"fxkit evaluate {self.source.model_command} {films} --out {self.quoted_folder}"
        if self.source is not None:
            return f"fxkit evaluate {self.source.evaluate_arguments} --out {self.quoted_folder}"
        return f"fxkit evaluate {self.quoted_folder}" + (" --split out-of-fold" if self.is_out_of_fold else "")

    def evaluate_films(self, films: str) -> str:
        """Return the command that evaluates the model on new test films, which the reader names."""
        if self.source is None:
            return f"fxkit evaluate {self.quoted_folder} --data {films}"
        if self.source.model:
            return f"fxkit evaluate {self.source.model_command} --data {films} --out RESULTS"
        return f"fxkit evaluate {self.source.arguments_for(f'{films}.csv')} --out RESULTS"

    @property
    def scores(self) -> Scores | None:
        """The run's own scores: on its test films, or else out of fold."""
        return self.report.scores or (self.report.folds.pooled if self.report.folds else None)

    @property
    def rarest_class(self) -> tuple[str, int]:
        """The class with the fewest groups among the tested files, and the number of these groups."""
        groups = {label: {r.group for r in self.tested if r.label == label} for label in self.classes}
        return min(((label, len(of_class)) for label, of_class in groups.items()), key=lambda pair: pair[1])

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes of the manifest, sorted. Training films of predictions made elsewhere may have none."""
        return tuple(sorted({r.label for r in usable(self.run.records)} - {""}))


def read_evidence(
    run_dir: str | Path,
    *,
    data_card: str | Path | None = None,
    ablation: str | Path | None = None,
    cleaned: str | Path | None = None,
) -> Evidence:
    """Read the evidence from a run folder and from beside it.

    Args:
        data_card: data.json of `fxkit index`; default: RUN/data.json.
        ablation: folder of an ablation; default: the run folder, or the ablation that the run is an arm of.
        cleaned: cleaned folder with a sample that `fxkit review --sample` judged.
    Raises:
        RunError: the folder is not a run, another folder lacks its file, or a file is damaged.
    """
    run = open_results(run_dir)
    report = read_report(run.folder)
    card = _resolve_file(data_card, run.folder / "data.json", "fxkit index")
    marker_ablation, ablation_file = _read_marker_ablation(run.folder, ablation)
    metadata = None
    if card:
        metadata = read_optional_json(card, lambda values: _metadata_baseline(card, values, usable(run.records)))
    tested = tuple(_tested_records(run, report))
    return Evidence(
        run=run,
        source=read_source(run.folder) if not isinstance(run, Run) else None,
        report=report,
        tested=tested,
        test_leaks=count_leaks(run.records, "test"),
        val_leaks=count_leaks(run.records, "val"),
        metadata=metadata,
        ablation=marker_ablation,
        ablation_file=ablation_file,
        made_with=_describe_training(run, marker_ablation) if marker_ablation else {},
        siblings=_find_siblings(run),
        integrity=_check_integrity(run.folder, report),
        epoch_is_recorded=bool(report.training and report.training.best),
        sample=read_sample(cleaned, tested),
    )


def _resolve_file(given: str | Path | None, default: Path, command: str) -> Path | None:
    """Return the given file, or the file in the given folder, or else the default if it exists."""
    if given is None:
        return default if default.is_file() else None
    file = Path(given) / default.name if Path(given).is_dir() else Path(given)
    if not file.is_file():
        raise RunError(f"{file}: no such file; expected {default.name} as `{command}` writes it")
    return file


def _read_marker_ablation(run: Path, given: str | Path | None) -> tuple[Ablation | None, Path | None]:
    """Return the marker ablation and its file. Any other ablation is ignored, or refused if the user named it."""
    file = _resolve_file(given, run / "ablation.json", f"fxkit ablate {MARKERS}")
    ablation = read_ablation(file.parent if file else run)
    if ablation is None or ablation.name != MARKERS:
        if given is not None:
            name = ablation.name if ablation else "nothing"
            raise RunError(
                f"{file}: holds the ablation {name!r}; expected {MARKERS!r}; give the folder of that ablation"
            )
        return None, None
    return ablation, file or run.resolve().parent / "ablation.json"


def _tested_records(run: Results, report: Report) -> Sequence[Record]:
    if run.folds and report.folds and not report.scores:
        return [record for record in usable(run.records) if record.fold]
    return usable(run.records, "test")


def _metadata_baseline(file: Path, values: dict[str, Any], records: Sequence[Record]) -> MetadataBaseline:
    described = {str(row["path"]) for row in values["files"]}
    bound = {str(row["path"]): row for row in values.get("described", ())}
    baseline = values["baseline"]
    figures = [(str(f["kind"]), INTERVAL.validate_python(f["found"])) for f in baseline["figures"]] if baseline else []
    with_interval = [(kind, auroc) for kind, auroc in figures if not math.isnan(auroc.low)]
    kind, strongest = max(with_interval, key=lambda pair: (pair[1].low, pair[0] == ALL), default=("", None))
    pairs = [(record, bound[record.path]) for record in records if record.path in bound]
    return MetadataBaseline(
        file=file,
        verdict=str(baseline["verdict"]) if baseline else "",
        kind=kind,
        strongest=strongest,
        n_described=sum(record.path in described for record in records),
        n_changed=sum(bool(r.sha256 and row["sha256"]) and r.sha256 != row["sha256"] for r, row in pairs),
        n_relabelled=sum(label_key(r.label) != label_key(str(row["label"])) for r, row in pairs),
        n_further=len(described - {record.path for record in records}),
        is_bound=described == set(bound) and all(r.sha256 and row["sha256"] for r, row in pairs),
    )


def _describe_training(run: Results, ablation: Ablation) -> dict[str, Any]:
    """Return what the run's model was made with; an unfinished run does not say how it reads films."""
    if not isinstance(run, Run):
        return {}
    preprocessing = read_card(run.folder).preprocessing if (run.folder / "model.json").is_file() else None
    environment = run.folder / "environment.json"
    source = read_json(environment) if environment.is_file() else {}
    return describe_training(run.config, ablation.mode, preprocessing, source)


def _check_integrity(run: Path, report: Report) -> Integrity:
    """Check the run's own figures: those of its test films, or else those out of fold."""
    if report.scores:
        return check_figures(run, run / "metrics.json", run / "predictions.csv", report.scores.metrics)
    if report.folds:
        figures, predictions = run / "metrics_out_of_fold.json", run / "out_of_fold.csv"
        return check_figures(run, figures, predictions, report.folds.pooled.metrics)
    return Integrity()


def _find_siblings(run: Results) -> tuple[str, ...]:
    manifest, here = manifest_hash(run.records), run.folder.resolve()
    siblings = []
    for file in sorted(here.parent.glob("*/manifest.json")):
        if file.parent == here or not (file.parent / "metrics.json").is_file():
            continue
        if read_optional_json(file, lambda values: values.get("sha256")) == manifest:
            siblings.append(file.parent.name)
    return tuple(siblings)
