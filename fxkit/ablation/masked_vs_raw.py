"""masked-vs-raw: does the score live off the text markers?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.ablation.learning import QUICK, Features, Fit, Flags, extract, full_fit, parts_of, quick_fit
from fxkit.ablation.marker_tests import TESTS, Erased, count_flips, judge, log_odds_lost
from fxkit.ablation.result import RESULT, Ablation, cells_of, contrast, write_result
from fxkit.ablation.settings import AblationSettings
from fxkit.config import Config
from fxkit.data.leaks import leak_stamp, refuse_leaks
from fxkit.data.manifest import Record, films_hash, order_classes, usable
from fxkit.errors import DataError, RunError
from fxkit.evaluation.out_of_fold import pool
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ranking_metric
from fxkit.training.films import check_records
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.folder.sources import default_out
from preprocess.ledger import read_ledger, read_ledger_if_any
from preprocess.settings import CleanSettings, read_clean_settings

MATRIX = ("raw", "cleaned", "control", "clipped", "markers")  # trained and tested on each other


# key, what minus what, and the arms (trained, tested) of both
CONTRASTS = (
    ("markers", "raw-trained: as much erased elsewhere minus markers erased", ("raw", "control"), ("raw", "cleaned")),
    (
        "swapped",
        "raw-trained: own class's markers pasted in minus another's",
        ("raw", "swapped-same"),
        ("raw", "swapped"),
    ),
    ("erasing", "raw-trained: raw minus cleaned films", ("raw", "raw"), ("raw", "cleaned")),
    ("elsewhere", "raw-trained: raw films minus as much erased elsewhere", ("raw", "raw"), ("raw", "control")),
    ("clipping", "raw-trained: raw minus clipped films", ("raw", "raw"), ("raw", "clipped")),
    ("between_arms", "raw arm minus cleaned arm", ("raw", "raw"), ("cleaned", "cleaned")),
)

LOG_ODDS = "raw-trained: log-odds of the own class lost by erasing markers beyond as much elsewhere, p one-sided"

DIVISIONS = 10  # into folds, in the quick way: what one division says of a hundred films varies by as much as it finds

LIMITS = (
    "This is about markers alone: it says nothing of other shortcuts such as exposure, collimation, view or hardware, "
    "and nothing of films from elsewhere"
)


def cleaned_records(
    root: Path, records: Sequence[Record], cleaned: Path | None = None, *, jobs: int = 1
) -> tuple[Path, list[Record]]:
    """Clean the records' films where that was not done, and return the cleaned root and the records it holds.

    Args:
        cleaned: where the cleaned films are, or are to be; ROOT-clean if None.
    """
    out = cleaned or default_out(root)
    wanted = [r.path for r in usable(records)]
    done = read_ledger_if_any(out)
    if any(path not in done for path in wanted):
        clean_folder(
            root, out, FolderOptions(paths=wanted, settings=read_clean_settings(out) or CleanSettings(), jobs=jobs)
        )
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


def check_start(records: Sequence[Record], folder: Path, settings: AblationSettings, flags: Flags) -> None:
    """Refuse what can't be ablated, before anything is computed.

    Raises:
        DataError: a split lacks a class, or the split leaks.
        RunError: an ablation is in the folder already, and not to be gone on with or replaced.
    """
    check_records(records, () if settings.folds else ("train", "val", "test"))
    if not (flags.allow_leaks or settings.folds):
        refuse_leaks(records)
    if (folder / RESULT).exists() and not (flags.resume or flags.overwrite):
        raise RunError(f"{folder}: holds an ablation already; choose another --out, or give --resume or --overwrite")


def masked_vs_raw(
    config: Config,
    roots: Mapping[int, Mapping[str, Path]],
    records: Sequence[Record],
    folder: str | Path,
    settings: AblationSettings,
    flags: Flags = QUICK,
    *,
    on_step: Callable[[str], None] = lambda step: None,
) -> Ablation:
    """Train on the films of several arms with the same records and seeds, test on all arms, write ablation.json.

    Args:
        roots: seed -> arm -> image root, as `write_arms` returns them, or some of these arms: raw, cleaned and control
            at the least.
        on_step: told what is being done next.
    Raises:
        DataError, RunError: as `check_start`.
        ConfigError, WeightsError: as `train`.
    """
    folder = Path(folder)
    check_start(records, folder, settings, flags)
    good = usable(records)
    first = roots[settings.seeds[0]]
    matrix = tuple(arm for arm in MATRIX if arm in first)
    roots, seeds = dict(roots), divisions(settings, flags)
    for seed in seeds:
        roots.setdefault(seed, {arm: first[arm] for arm in matrix})
    trained = settings.trained if flags.full else matrix
    quick = None if flags.full else _quick(config, roots.values(), good, flags.device, on_step)
    tested: dict[tuple[str, str], list[Predictions]] = {}
    for seed in seeds:
        fit = quick or full_fit(config, seed, folder, flags)
        for arm in trained:
            on_step(f"seed {seed}: training on {arm} films")
            shown = tuple(roots[seed]) if arm == "raw" else matrix
            for other, found in fit_parts(fit, good, settings.folds, seed, arm, roots[seed], shown).items():
                tested.setdefault((arm, other), []).append(found.known().by_film())
    files = [r for r in good if settings.folds or r.split == "test"]
    result = conclude(tested, settings, flags.mode, erased_on(first["cleaned"], files))
    result = replace(
        result,
        seeds=seeds,
        stamp="" if settings.folds else leak_stamp(records),
        backbone=config.model.backbone,
        manifest=films_hash(good, split=not settings.folds),
    )
    write_result(folder, result)
    return result


def divisions(settings: AblationSettings, flags: Flags) -> tuple[int, ...]:
    """Return the seeds asked for; in the quick way, where a head costs next to nothing, with more to make DIVISIONS.

    Films with others' markers pasted in are made for the seeds asked for alone.
    """
    more = 0 if flags.full or not settings.folds else DIVISIONS - len(settings.seeds)
    following = max(settings.seeds) + 1
    return (*settings.seeds, *range(following, following + more))


def _quick(
    config: Config,
    roots: Iterable[Mapping[str, Path]],
    records: Sequence[Record],
    device: str,
    on_step: Callable[[str], None],
) -> Fit:
    features: dict[Path, Features] = {}
    for arm, root in ((arm, root) for of_seed in roots for arm, root in of_seed.items()):
        if root not in features:
            on_step(f"features of the {arm} films")
            features[root] = extract(config, root, records, device)
    return quick_fit(order_classes(r.label for r in records), records, features)


def fit_parts(
    fit: Fit,
    records: Sequence[Record],
    folds: int,
    seed: int,
    arm: str,
    roots: Mapping[str, Path],
    shown: Sequence[str],
) -> dict[str, Predictions]:
    """Train on an arm's films, once a fold, and return the pooled predictions of the arms that are shown."""
    parts: dict[str, list[Predictions]] = {other: [] for other in shown}
    for number, part in enumerate(parts_of(records, folds, seed)):
        predict = fit(part, roots[arm], f"{arm}-seed{seed}" + (f"-fold{number}" if folds else ""))
        for other in shown:
            parts[other].append(predict(roots[other]))
    return {other: pool(found, [r.path for r in records]) for other, found in parts.items()}


def conclude(
    tested: Mapping[tuple[str, str], Sequence[Predictions]], settings: AblationSettings, mode: str, erased: Erased
) -> Ablation:
    """Turn predictions by film of each (trained, tested) pair of arms, one a seed, into figures and a verdict."""
    first = tested["raw", "raw"][0]
    metric = ranking_metric(first.classes)
    cells = cells_of(metric, {key: runs for key, runs in tested.items() if key[1] in MATRIX})
    contrasts = (
        *(
            contrast(metric, key, text, tested[a], tested[b])
            for key, text, a, b in CONTRASTS
            if a in tested and b in tested
        ),
        log_odds_lost("log_odds", LOG_ODDS, tested["raw", "control"], tested["raw", "cleaned"]),
    )
    raw = next(cell for cell in cells if (cell.trained, cell.tested) == ("raw", "raw"))
    verdict, reason = judge(raw, contrasts, erased, settings.margin)
    by_raw = {other: runs for (arm, other), runs in tested.items() if arm == "raw"}
    return Ablation(
        name="masked-vs-raw",
        question=settings.question,
        mode=mode,
        seeds=settings.seeds,
        folds=settings.folds,
        metric=metric.name,
        margin=settings.margin,
        cells=cells,
        contrasts=contrasts,
        flips=tuple(count_flips(name, by_raw) for name, arms in TESTS.items() if {*arms} <= {*by_raw}),
        verdict=verdict,
        reason=reason,
        limits=LIMITS,
        n_groups=len(set(first.groups)),
        n_films=len(first),
        n_files=erased.of,
        n_erased=erased.files,
    )


def erased_on(cleaned: Path, records: Sequence[Record]) -> Erased:
    """Count the records on which markers were erased."""
    ledger = read_ledger(cleaned)
    return Erased(sum(ledger[r.path].status == "cleaned" for r in records), len(records))
