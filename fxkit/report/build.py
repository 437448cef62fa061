"""Build report.html from the files in a run folder. Parts without a file are left out."""

from dataclasses import dataclass
from pathlib import Path

from fxkit import __version__
from fxkit.errors import RunError
from fxkit.html import load_template
from fxkit.metrics.names import metric_name
from fxkit.metrics.scores import p_text
from fxkit.report.ablation import VERDICTS, Ablation
from fxkit.report.attention import AttentionMaps, read_attention
from fxkit.report.making import Cleaning, Data, Training, read_cleaning, read_data, read_training
from fxkit.report.marker_verdict import read_ablation
from fxkit.report.results import OutOfFoldScores, Scores, read_folds, read_scores, read_scores_below
from preprocess.files import write_atomic
from preprocess.locks import locked

FEW_GROUPS = 30  # with fewer groups of the rarest class, the interval of an AUROC is wider than about 0.2

# attribute of `Calibration` -> its name and the meaning of its values
CALIBRATION_LINES = {
    "error": ("calibration error, corrected for chance", "ideally 0"),
    "slope": ("calibration slope", "ideally 1; below 1 the probabilities are overconfident"),
    "intercept": ("calibration in the large", "ideally 0; above 0 the probabilities are too low"),
}

POINT_FIGURES = ("sensitivity", "specificity", "ppv", "npv", "ppv_at_prevalence", "npv_at_prevalence")


@dataclass(frozen=True)
class Report:
    """Everything that the page shows; None for what the run folder does not contain.

    Attributes:
        name: name of the run folder.
        scores: figures on the run's test films.
        folds: out-of-fold figures.
        splits: figures on the run's own validation and training films.
        others: figures on other data.
    """

    name: str
    data: Data | None
    cleaning: Cleaning | None
    training: Training | None
    scores: Scores | None
    folds: OutOfFoldScores | None
    splits: tuple[Scores, ...]
    others: tuple[Scores, ...]
    ablation: Ablation | None
    attention: AttentionMaps | None

    @property
    def stamps(self) -> list[str]:
        """The stamps of the run's split, of its scores and of its ablation, without repetition."""
        parts = [self.data.stamp if self.data else "", self.scores.stamp if self.scores else ""]
        parts.append(self.folds.pooled.stamp if self.folds else "")
        parts += [scores.stamp for scores in (*self.splits, *self.others)]
        parts.append(self.ablation.stamp if self.ablation else "")
        return list(dict.fromkeys(filter(None, parts)))


@locked("run_dir")
def build_report(run_dir: str | Path) -> Path:
    """Write RUN/report.html, a single page without external files, and return its path.

    Raises:
        RunError: the folder contains nothing to report, or a damaged file.
        OutputError: the page cannot be written.
    """
    run = Path(run_dir)
    report = read_report(run)
    if not any((report.data, report.scores, report.ablation)):
        raise RunError(
            f"{run}: nothing to report; expected a run folder with manifest.csv, metrics.json or ablation.json; "
            "make one with `fxkit train`"
        )
    write_atomic(run / "report.html", render(report))
    return run / "report.html"


def read_report(run: Path) -> Report:
    """Read everything that the page shows."""
    data = read_data(run)
    return Report(
        name=run.resolve().name,
        data=data,
        cleaning=read_cleaning(run),
        training=read_training(run, data.stamp if data else ""),
        scores=read_scores(run),
        folds=read_folds(run),
        splits=read_scores_below(run / "splits"),
        others=read_scores_below(run / "evaluations"),
        ablation=read_ablation(run),
        attention=read_attention(run),
    )


def render(report: Report) -> str:
    """Return the page as HTML. All names and texts are escaped."""
    page = load_template("report/report.html")
    return page.render(
        r=report,
        verdicts=VERDICTS,
        few_groups=FEW_GROUPS,
        metric_name=metric_name,
        p_text=p_text,
        calibration_lines=CALIBRATION_LINES,
        point_figures=POINT_FIGURES,
        version=__version__,
    )
