"""Ablations: the same manifest and seeds, one thing changed, paired differences, and a verdict in plain words."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fxkit.bootstrap import Interval, intervals, paired_difference
from fxkit.config import Config, find_preset, presets_folder, read_yaml
from fxkit.data.leaks import refuse_leaks, stamp_of
from fxkit.data.manifest import Record, usable
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.inference import predict_records
from fxkit.metrics import as_json
from fxkit.predictions import Predictions
from fxkit.run import load_model, write_json
from fxkit.scores import ranking_metric
from fxkit.train import train
from fxkit.training.films import check_records
from preprocess.clean import clean_folder
from preprocess.ledger import ledger_of, read_ledger
from preprocess.settings import read_clean_settings
from preprocess.sources import default_out

ARMS = ("raw", "cleaned")
MARGIN = 0.05  # a loss of AUROC below this is taken as none


@dataclass(frozen=True)
class Cell:
    """One arm's model tested on one arm's images; the mean over seeds."""

    trained: str
    tested: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ablation:
    """What masked-vs-raw found; ablation.json holds the same."""

    name: str
    seeds: tuple[int, ...]
    metric: str
    cells: tuple[Cell, ...]
    difference: Interval  # trained and tested on raw films, minus the same models on cleaned ones
    between_arms: Interval  # trained and tested on raw films, minus trained and tested on cleaned ones
    verdict: str  # reliance | no evidence | undecided
    reason: str
    n_groups: int
    n_films: int
    n_files: int
    n_erased: int  # of these, files on which markers were found and erased
    stamp: str = ""  # the line that the figures bear where the split leaks


def list_ablations() -> dict[str, str]:
    """Return the ablations at hand: name -> what it asks."""
    files = sorted((presets_folder() / "ablations").glob("*.yaml"))
    return {file.stem: str(read_yaml(file)["question"]) for file in files}


@dataclass(frozen=True)
class AblationSettings:
    """What a YAML file in configs/ablations holds."""

    question: str
    seeds: tuple[int, ...]
    margin: float


def ablation_settings(name: str) -> AblationSettings:
    """Read the settings of an ablation by its name.

    Raises:
        ConfigError: there is none of that name, or its file lacks a key.
    """
    path = find_preset("ablations", name)
    values = read_yaml(path)
    try:
        return AblationSettings(str(values["question"]), tuple(map(int, values["seeds"])), float(values["margin"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: not an ablation ({error}); expected question, seeds (a list) and margin") from error


def cleaned_records(
    root: Path, records: Sequence[Record], cleaned: Path | None = None, *, jobs: int = 1
) -> tuple[Path, list[Record]]:
    """Clean the records' films where that was not done, and return the cleaned root and the records it holds.

    Args:
        cleaned: where the cleaned films are, or are to be; ROOT-clean if None.
    """
    out = cleaned or default_out(root)
    wanted = [r.path for r in usable(records)]
    done = ledger_of(out)
    if any(path not in done for path in wanted):
        clean_folder(root, out, paths=wanted, settings=read_clean_settings(out), jobs=jobs)
    return out, held_by(out, records)


def held_by(cleaned: Path, records: Sequence[Record]) -> list[Record]:
    """Return the records whose films a cleaned folder holds: both arms use these, so that they stay paired.

    Raises:
        DataError: a film was cleaned from another file than the record's.
    """
    ledger = read_ledger(cleaned)
    held = [r for r in records if r.path in ledger and ledger[r.path].status in ("cleaned", "copied")]
    for record in held:
        if record.sha256 and record.sha256 != ledger[record.path].sha256:
            raise DataError(
                f"{cleaned / record.path}: was cleaned from another file than the manifest's; clean again with "
                "`fxkit clean-labels`, or index again"
            )
    return held


def masked_vs_raw(
    config: Config,
    raw_root: str | Path,
    cleaned_root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    margin: float = MARGIN,
    resume: bool = False,
    overwrite: bool = False,
    allow_leaks: bool = False,
    device: str = "auto",
    on_step: Callable[[str], None] = lambda step: None,
) -> Ablation:
    """Train on raw and on cleaned films with the same records and seeds, test each on both, and write ablation.json.

    Each trained model is a run folder of its own below folder.

    Args:
        raw_root, cleaned_root: hold the records' films as they are, and as `clean-labels` left them.
        margin: the largest loss of AUROC that still counts as none.
        allow_leaks: use a split that leaks; all figures then say so.
        on_step: told what is being done next.
    Raises:
        DataError: no seed, cleaned_root is not cleaned, the test split has not every class, or the split leaks.
        ConfigError, WeightsError: as `train`.
        RunError: the folder is in the way.
    """
    folder = Path(folder)
    config = config.on_one_device()
    roots = {"raw": Path(raw_root), "cleaned": Path(cleaned_root)}
    _check(records, roots["cleaned"], seeds)
    if not allow_leaks:
        refuse_leaks(records)
    if (folder / "ablation.json").exists() and not (resume or overwrite):
        raise RunError(f"{folder}: holds an ablation already; choose another --out, or give --resume or --overwrite")
    films = usable(records, "test")
    tested: dict[tuple[str, str], list[Predictions]] = {(a, b): [] for a in ARMS for b in ARMS}
    for seed in seeds:
        for arm in ARMS:
            on_step(f"seed {seed}: training on {arm} films")
            run_folder = folder / f"{arm}-seed{seed}"
            train(
                config.model_copy(update={"seed": seed}),
                roots[arm],
                records,
                run_folder,
                resume=resume,
                overwrite=overwrite,
                allow_leaks=allow_leaks,
            )
            model = load_model(run_folder)
            for other in ARMS:
                tested[arm, other].append(predict_records(model, roots[other], films, config.data, device=device))
    result = conclude(tested, tuple(seeds), erased_on(roots["cleaned"], records), margin)
    result = replace(result, stamp=stamp_of(records))
    write_json(folder / "ablation.json", as_json(asdict(result)))
    return result


def conclude(
    tested: dict[tuple[str, str], list[Predictions]], seeds: tuple[int, ...], n_erased: int, margin: float = MARGIN
) -> Ablation:
    """Turn the predictions of each (trained, tested) pair of arms, one a seed, into cells, differences and a verdict.

    Figures are by film, their intervals over groups.

    Args:
        n_erased: test files on which markers were erased.
    """
    by_film = {key: [p.known().by_film() for p in runs] for key, runs in tested.items()}
    first = by_film["raw", "raw"][0]
    metric = ranking_metric(first.classes)
    cells = []
    for (trained, shown), runs in by_film.items():
        found = intervals([metric], runs)[metric.name]
        cells.append(Cell(trained, shown, found.value, found.low, found.high))
    difference = paired_difference(metric, by_film["raw", "raw"], by_film["raw", "cleaned"])
    between = paired_difference(metric, by_film["raw", "raw"], by_film["cleaned", "cleaned"])
    raw = next(cell for cell in cells if (cell.trained, cell.tested) == ("raw", "raw"))
    n_files = len(tested["raw", "raw"][0].known())
    verdict, reason = judge(raw, difference, n_erased, n_files, margin)
    return Ablation(
        name="masked-vs-raw",
        seeds=seeds,
        metric=metric.name,
        cells=tuple(cells),
        difference=difference,
        between_arms=between,
        verdict=verdict,
        reason=reason,
        n_groups=len(set(first.groups)),
        n_films=len(first),
        n_files=n_files,
        n_erased=n_erased,
    )


def judge(raw: Cell, difference: Interval, n_erased: int, n_files: int, margin: float = MARGIN) -> tuple[str, str]:
    """Return the verdict and its reason.

    Args:
        raw: trained and tested on raw films.
        difference: what that loses when the test films are cleaned.
        n_erased: test files on which markers were erased, of n_files.
        margin: the largest loss that counts as none.
    """
    cost = (
        f"erasing the markers from {n_erased} of {n_files} test files costs the models trained on raw films "
        f"{difference.value:.3f} (95 % interval {difference.low:.3f} to {difference.high:.3f})"
    )
    if n_erased == 0:
        return "undecided", "no marker was erased on any test film, so nothing was compared; look at review.html"
    if raw.low <= 0.5:
        return "undecided", (
            f"the models trained on raw films are not clearly better than chance (AUROC {raw.value:.3f}, interval "
            f"from {raw.low:.3f}), so there is no score that markers could explain; {cost}"
        )
    if difference.high < margin:
        return "no evidence", f"{cost}: a cost of {margin:.2f} is excluded; this says nothing of other shortcuts"
    if difference.low > 0:
        return "reliance", f"{cost}, clear of 0; a part of it may be what inpainting itself does to a film"
    return "undecided", (
        f"{cost}: both no cost and one of {margin:.2f} or more are possible; more test patients are needed"
    )


def erased_on(cleaned: Path, records: Sequence[Record]) -> int:
    """Count the test files on which markers were erased."""
    ledger = read_ledger(cleaned)
    return sum(ledger[r.path].status == "cleaned" for r in usable(records, "test"))


def _check(records: Sequence[Record], cleaned_root: Path, seeds: Sequence[int]) -> None:
    if not seeds:
        raise DataError("no seed given; expected at least one, such as --seeds 0,1,2")
    if read_clean_settings(cleaned_root) is None:
        raise DataError(
            f"{cleaned_root}: no cleaned folder (clean.json is missing, or it holds masks only); make it with "
            "`fxkit clean-labels`"
        )
    check_records(records, ("train", "val", "test"))


def table(result: Ablation) -> list[tuple[str, ...]]:
    """Return the 2 x 2 table as text: a heading row, then a row an arm trained on."""
    cells: dict[tuple[str, str], Any] = {(c.trained, c.tested): c for c in result.cells}
    rows: list[tuple[str, ...]] = [(f"{result.metric} by film", *(f"tested on {arm}" for arm in ARMS))]
    for arm in ARMS:
        shown = (cells[arm, other] for other in ARMS)
        rows.append((f"trained on {arm}", *(f"{c.value:.3f} ({c.low:.3f} to {c.high:.3f})" for c in shown)))
    return rows
