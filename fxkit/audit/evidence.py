"""What an audit looks at: files of the run folder and beside it. Nothing is trained or predicted."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.data.leaks import LeakCounts, count_leaks
from fxkit.data.manifest import Record, manifest_hash, usable
from fxkit.errors import RunError
from fxkit.index.datacard.baseline import ALL
from fxkit.models.run_folder import Run, open_run
from fxkit.report.build import Report, read_report
from fxkit.report.results import Ablation, Estimate, Scores, estimate, read_ablation, read_part

MARKERS = "masked-vs-raw"


@dataclass(frozen=True)
class Metadata:
    """The metadata-only baseline of a data card: the strongest figure, and how many of the run's files it describes."""

    place: Path
    verdict: str  # "" where there is no baseline
    strongest: Estimate | None
    n_described: int


@dataclass(frozen=True)
class Evidence:
    run: Run
    report: Report
    test: tuple[Record, ...]  # usable files that the own score is about: of the test part, or of all folds
    test_leaks: LeakCounts
    val_leaks: LeakCounts
    metadata: Metadata | None
    ablation: Ablation | None
    ablation_place: Path | None
    siblings: tuple[str, ...]  # other runs beside this one with figures of the same test films
    is_chosen: bool  # the training told which epoch it kept

    @property
    def is_probe(self) -> bool:
        """Whether the model is a linear head fitted at once to a frozen backbone's features."""
        optim = self.run.config.optim
        return optim.head == "probe" and not optim.epochs[1]

    @property
    def name(self) -> str:
        """The run folder as a shell takes it."""
        return shlex.quote(str(self.run.folder))

    @property
    def scores(self) -> Scores | None:
        """The own figures: of test films, or else out of fold."""
        return self.report.scores or (self.report.folds.scores if self.report.folds else None)

    @property
    def rarest(self) -> tuple[str, int]:
        """The class with the fewest groups among the tested files, and their number."""
        groups = {label: {r.group for r in self.test if r.label == label} for label in self.classes}
        return min(((label, len(found)) for label, found in groups.items()), key=lambda pair: pair[1])

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({r.label for r in usable(self.run.records)}))


def read_evidence(
    run_dir: str | Path, *, data_card: str | Path | None = None, ablation: str | Path | None = None
) -> Evidence:
    """Read what lies in a run folder and beside it.

    Args:
        data_card: data.json of `fxkit index`; RUN/data.json if not given.
        ablation: folder of an ablation; the run folder, or that which the run is an arm of, if not given.
    Raises:
        RunError: no run folder, no such card or ablation, or a file is damaged.
    """
    run = open_run(run_dir)
    report = read_report(run.folder)
    card = _given(data_card, run.folder / "data.json", "data.json", "fxkit index")
    found, place = _ablation(run.folder, ablation)
    return Evidence(
        run=run,
        report=report,
        test=tuple(_tested(run, report)),
        test_leaks=count_leaks(run.records, "test"),
        val_leaks=count_leaks(run.records, "val"),
        metadata=read_part(card, lambda values: _metadata(card, values, usable(run.records))) if card else None,
        ablation=found,
        ablation_place=place,
        siblings=_siblings(run),
        is_chosen=bool(report.training and report.training.best),
    )


def _given(given: str | Path | None, default: Path, name: str, command: str) -> Path | None:
    """The file to read: what was given, or else the default where it exists."""
    if given is None:
        return default if default.is_file() else None
    place = Path(given) / name if Path(given).is_dir() else Path(given)
    if not place.is_file():
        raise RunError(f"{place}: no such file; expected {name} as `{command}` writes it")
    return place


def _ablation(run: Path, given: str | Path | None) -> tuple[Ablation | None, Path | None]:
    """The marker ablation and its file; an ablation of something else does not count."""
    place = _given(given, run / "ablation.json", "ablation.json", f"fxkit ablate {MARKERS}")
    found = read_ablation(place.parent if place else run)
    if found is None or found.name != MARKERS:
        if given is not None:
            what = found.name if found else "nothing"
            raise RunError(f"{place}: is of {what!r}; expected the ablation {MARKERS!r}; give that one's folder")
        return None, None
    return found, place or run.resolve().parent / "ablation.json"


def _tested(run: Run, report: Report) -> Sequence[Record]:
    if run.folds and report.folds and not report.scores:
        return [record for record in usable(run.records) if record.fold]
    return usable(run.records, "test")


def _metadata(place: Path, values: dict[str, Any], records: Sequence[Record]) -> Metadata:
    described = {str(file["path"]) for file in values["files"]}
    baseline = values["baseline"]
    figures = [estimate(str(f["kind"]), f["found"]) for f in baseline["figures"]] if baseline else []
    drawable = [figure for figure in figures if figure.low == figure.low]
    return Metadata(
        place=place,
        verdict=str(baseline["verdict"]) if baseline else "",
        strongest=max(drawable, key=lambda f: (f.low, f.name == ALL)) if drawable else None,
        n_described=sum(record.path in described for record in records),
    )


def _siblings(run: Run) -> tuple[str, ...]:
    """Runs in the same folder that were scored on the same manifest."""
    own, here = manifest_hash(run.records), run.folder.resolve()
    found = []
    for file in sorted(here.parent.glob("*/manifest.json")):
        scored = (file.parent / "metrics.json").is_file()
        if file.parent != here and scored and read_part(file, lambda values: values.get("sha256")) == own:
            found.append(file.parent.name)
    return tuple(found)
