"""The ablation masked-vs-raw: does the model rely on text markers?"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from fxkit.ablation.coverage import check_same_files, measure_coverage, score_unmarked
from fxkit.ablation.learning import (
    Features,
    Fit,
    build_full_fit,
    build_quick_fit,
    check_start,
    describe_models,
    extract_features,
    predict_arms,
)
from fxkit.ablation.marker_tests import TESTS, count_flips, measure_lost_log_odds
from fxkit.ablation.parts import divide_records
from fxkit.ablation.result import Tested, compare_scores, score_cells, write_result
from fxkit.ablation.settings import QUICK, AblationOptions, AblationSettings
from fxkit.config import Config
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import Record, films_hash, usable
from fxkit.data.positive import order_classes, positive_class
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Metric, ranking_metric
from fxkit.report.ablation import Ablation, Contrast
from fxkit.report.coverage import ENOUGH, Coverage
from fxkit.report.marker_verdict import MARKERS, judge
from preprocess.locks import locked

MATRIX = ("raw", "cleaned", "control", "clipped", "markers")  # models are trained on each arm and tested on all of them


# key, text, and the pairs of arms (trained, tested) whose scores are subtracted
CONTRASTS = (
    (
        "markers",
        "trained on raw films: the same area erased elsewhere minus markers erased",
        ("raw", "control"),
        ("raw", "cleaned"),
    ),
    (
        "swapped",
        "trained on raw films: markers of the same class pasted in minus markers of another class",
        ("raw", "swapped-same"),
        ("raw", "swapped"),
    ),
    ("erasing", "trained on raw films: raw minus cleaned films", ("raw", "raw"), ("raw", "cleaned")),
    (
        "elsewhere",
        "trained on raw films: raw films minus the same area erased elsewhere",
        ("raw", "raw"),
        ("raw", "control"),
    ),
    ("clipping", "trained on raw films: raw minus clipped films", ("raw", "raw"), ("raw", "clipped")),
    (
        "between_arms",
        "trained and tested on raw films minus trained and tested on cleaned films",
        ("raw", "raw"),
        ("cleaned", "cleaned"),
    ),
)

LOG_ODDS = (
    "trained on raw films: log-odds of the true class lost by erasing the markers, beyond the same area erased "
    "elsewhere (p one-sided)"
)

DIVISIONS = 10  # into folds, in quick mode: on a hundred films, one division varies as much as the effect it measures

LIMITS = (
    "This verdict is about markers only. It does not cover other shortcuts such as exposure, collimation, view or "
    "hardware, or films from other sites"
)

Roots = Mapping[int, Mapping[str, Path]]  # seed -> arm -> image root

Report = Callable[[str], None]


@locked("folder")
def masked_vs_raw(
    config: Config,
    roots: Roots,
    records: Sequence[Record],
    folder: str | Path,
    settings: AblationSettings,
    options: AblationOptions = QUICK,
    *,
    on_step: Report = lambda step: None,
) -> Ablation:
    """Train on the films of several arms with the same records and seeds, test on all arms, and write ablation.json.

    Args:
        roots: result of `write_arms`, with at least the arms raw, cleaned and control.
        on_step: called with a description of the next step.
    Raises:
        DataError, RunError: a raw film is not the file that was cleaned, or see `check_start`.
        ConfigError, WeightsError, DetectorError: see `train` and `measure_coverage`.
    """
    folder = Path(folder)
    check_start(config, records, folder, settings, options)
    good, first = usable(records), roots[settings.seeds[0]]
    matrix = tuple(arm for arm in MATRIX if arm in first)
    further = {seed: {arm: first[arm] for arm in matrix} for seed in list_divisions(settings, options)}
    roots = {**roots, **{seed: arms for seed, arms in further.items() if seed not in roots}}
    check_same_files(first["raw"], first["cleaned"], good)
    tested = _test_arms(config, roots, good, folder, settings, options, on_step)
    on_step("looking for markers on the cleaned films")
    films, max_pixels = [r for r in good if settings.folds or r.split == "test"], config.data.max_pixels
    coverage, unmarked = measure_coverage(first["cleaned"], films, jobs=options.jobs, max_pixels=max_pixels)
    origin = {
        "seeds": tuple(further),
        "stamp": "" if settings.folds else leak_stamp(records),
        "backbone": config.model.backbone,
        "manifest": films_hash(good, split=not settings.folds),
        "made_with": describe_models(config, options.mode),
    }
    result = conclude(tested, settings, options.mode, coverage, unmarked).model_copy(update=origin)
    write_result(folder, result)
    return result


def list_divisions(settings: AblationSettings, options: AblationOptions) -> tuple[int, ...]:
    """Return a seed for each division into folds: those in the settings; in quick mode further ones, up to DIVISIONS.

    In quick mode a head costs little time. The arms with pasted markers exist only for the seeds of the settings.
    """
    n_more = 0 if options.full or not settings.folds else DIVISIONS - len(settings.seeds)
    following = max(settings.seeds) + 1
    return (*settings.seeds, *range(following, following + n_more))


def _test_arms(
    config: Config,
    roots: Roots,
    records: Sequence[Record],
    folder: Path,
    settings: AblationSettings,
    options: AblationOptions,
    on_step: Report,
) -> Tested:
    """Return the predictions by film of each pair of arms, one for each seed; only raw is tested on pasted markers."""
    matrix = tuple(arm for arm in MATRIX if arm in roots[settings.seeds[0]])
    quick = None if options.full else _quick_fit(config, roots.values(), records, options.device, on_step)
    tested: dict[tuple[str, str], list[Predictions]] = {}
    for seed in list_divisions(settings, options):
        fit = quick or build_full_fit(config, seed, folder, options)
        parts = divide_records(records, settings.folds, seed)
        for arm in settings.trained if options.full else matrix:
            on_step(f"seed {seed}: training on {arm} films")
            others = tuple(roots[seed]) if arm == "raw" else matrix
            for other, predictions in predict_arms(fit, parts, seed, roots[seed], arm, others).items():
                tested.setdefault((arm, other), []).append(predictions)
    return tested


def _quick_fit(
    config: Config, roots: Iterable[Mapping[str, Path]], records: Sequence[Record], device: str, on_step: Report
) -> Fit:
    """Return the function that fits a linear head, after computing the features of each arm once."""
    features: dict[Path, Features] = {}
    for arm, root in ((arm, root) for arms in roots for arm, root in arms.items()):
        if root not in features:
            on_step(f"features of the {arm} films")
            features[root] = extract_features(config, root, records, device)
    return build_quick_fit(order_classes((r.label for r in records), config.data.positive), records, features)


def conclude(
    tested: Tested, settings: AblationSettings, mode: str, coverage: Coverage, unmarked: Collection[str] = ()
) -> Ablation:
    """Compute the scores of each (trained, tested) pair of arms, their differences and the verdict.

    Args:
        tested: (trained, tested) -> predictions by film, one for each seed.
        unmarked: names of the tested films without any marker that was found.
    """
    first = tested["raw", "raw"][0]
    metric = ranking_metric(first.classes)
    cells = score_cells(metric, {key: runs for key, runs in tested.items() if key[1] in MATRIX})
    contrasts = _compare_arms(metric, tested)
    raw = next(cell for cell in cells if (cell.trained, cell.tested) == ("raw", "raw"))
    rest = score_unmarked(tested["raw", "raw"], unmarked) if coverage.lowest_share < ENOUGH else None
    judged = judge(raw, contrasts, coverage, settings.margin, rest)
    by_raw = {other: runs for (arm, other), runs in tested.items() if arm == "raw"}
    return Ablation(
        name=MARKERS,
        question=settings.question,
        mode=mode,
        seeds=settings.seeds,
        folds=settings.folds,
        metric=metric.name,
        margin=settings.margin,
        cells=cells,
        contrasts=contrasts,
        flips=tuple(count_flips(name, by_raw) for name, arms in TESTS.items() if {*arms} <= {*by_raw}),
        **vars(judged),
        limits=LIMITS,
        n_groups=len(set(first.groups)),
        n_films=len(first),
        n_files=coverage.n_files,
        n_erased=coverage.n_erased,
        coverage=dict(coverage.by_class),
        kept=coverage.kept,
        unmarked=rest,
        positive=positive_class(first.classes),
    )


def _compare_arms(metric: Metric, tested: Tested) -> tuple[Contrast, ...]:
    scores = (
        compare_scores(metric, key, text, tested[a], tested[b])
        for key, text, a, b in CONTRASTS
        if a in tested and b in tested
    )
    return (*scores, measure_lost_log_odds("log_odds", LOG_ODDS, tested["raw", "control"], tested["raw", "cleaned"]))
