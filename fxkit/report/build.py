"""Build report.html: read what lies in the run folder, leave out what does not, write one page."""

from dataclasses import dataclass
from pathlib import Path

from fxkit import __version__
from fxkit.errors import RunError
from fxkit.html import load_template
from fxkit.metrics.names import metric_name
from fxkit.metrics.scores import p_text
from fxkit.report.ablation import Ablation, read_ablation
from fxkit.report.attention import AttentionMaps, read_attention
from fxkit.report.making import Cleaning, Data, Training, read_cleaning, read_data, read_training
from fxkit.report.results import OutOfFoldScores, Scores, read_folds, read_scores, read_scores_below
from preprocess.files import write_atomic

FEW_GROUPS = 30  # of the rarest class: below it an AUROC's interval is wider than about 0.2


VERDICTS = {
    "reliance": "The score depends on markers",
    "no evidence": "No evidence that the score depends on markers",
    "undecided": "Undecided whether the score depends on markers",
}


# Attribute of `Calibration` -> its name, and what its values mean.
CALIBRATION_LINES = {
    "error": ("calibration error without chance", "0 is right"),
    "slope": ("calibration slope", "1 is right, less is overconfident"),
    "intercept": ("calibration in the large", "0 is right, above 0 the probabilities are too low"),
}

POINT_FIGURES = ("sensitivity", "specificity", "ppv", "npv", "ppv_at_prevalence", "npv_at_prevalence")


@dataclass(frozen=True)
class Report:
    name: str
    data: Data | None
    cleaning: Cleaning | None
    training: Training | None
    scores: Scores | None
    folds: OutOfFoldScores | None
    splits: tuple[Scores, ...]  # of the run's own films that are not its test films
    others: tuple[Scores, ...]
    ablation: Ablation | None
    attention: AttentionMaps | None

    @property
    def stamps(self) -> list[str]:
        """What leaks: in the run's own split, in other data it was tested on, and in its ablation; each once."""
        parts = [self.data.stamp if self.data else "", self.scores.stamp if self.scores else ""]
        parts.append(self.folds.pooled.stamp if self.folds else "")
        parts += [scores.stamp for scores in (*self.splits, *self.others)]
        parts.append(self.ablation.stamp if self.ablation else "")
        return list(dict.fromkeys(filter(None, parts)))


def build_report(run_dir: str | Path) -> Path:
    """Write RUN/report.html, a page that needs nothing else, and return its path.

    Raises:
        RunError: nothing in the folder can be reported, or a file in it is damaged.
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
    """Gather what the page shows."""
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
    """Return the page; all names and texts in it are escaped."""
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
