"""Ablations that change the training or the split: other settings, or a split by file instead of by group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.ablation.learning import (
    Fit,
    build_full_fit,
    build_quick_fit,
    check_start,
    extract_features,
    predict_arms,
)
from fxkit.ablation.parts import divide_records
from fxkit.ablation.result import Tested, compare_scores, score_cells, write_result
from fxkit.ablation.settings import QUICK, AblationOptions, AblationSettings
from fxkit.config import Config, update_config
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import Record, films_hash, usable
from fxkit.data.positive import order_classes, positive_class
from fxkit.errors import ConfigError
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ranking_metric
from fxkit.report.ablation import Ablation, Contrast
from preprocess.locks import locked

ALPHA = 0.05

NEEDS_TRAINING = ("augment", "optim", "trainer")  # settings that do not change features of a frozen backbone

SPLIT_ARMS = ("by file", "by group")

Report = Callable[[str], None]


@locked("folder")
def compare_variants(
    name: str,
    config: Config,
    root: Path,
    records: Sequence[Record],
    folder: str | Path,
    settings: AblationSettings,
    options: AblationOptions = QUICK,
    *,
    on_step: Report = lambda step: None,
) -> Ablation:
    """Train each arm with the same films and seeds, compare the arms with the first one, and write ablation.json.

    Args:
        name: name of the ablation, for ablation.json.
        settings: of kind settings, whose arms change the training, or of kind split, whose arms are "by file" and "by
            group". Kind split needs folds, so that both arms test every file once.
        on_step: called with a description of the next step.
    Raises:
        ConfigError: a setting of an arm is unknown or does not change frozen features, or kind split has no folds.
        DataError, RunError: see `check_start`.
    """
    folder, good = Path(folder), usable(records)
    configs = _configure_arms(config, settings, options)
    check_start(config, records, folder, settings, options)
    # a split by file puts files of one film on both sides: its leak is what the ablation measures
    options = replace(options, allow_leaks=options.allow_leaks or settings.kind == "split")
    tested = {
        (arm, arm): _test_arm(arm, arm_config, root, good, folder, settings, options, on_step)
        for arm, arm_config in configs.items()
    }
    n_files = len(good) if settings.folds else len(usable(good, "test"))
    origin = {
        "stamp": "" if settings.folds else leak_stamp(records),
        "backbone": _common_backbone(configs),
        "manifest": films_hash(good, split=not settings.folds),
    }
    result = conclude(name, tested, settings, options.mode, n_files=n_files).model_copy(update=origin)
    write_result(folder, result)
    return result


def _configure_arms(config: Config, settings: AblationSettings, options: AblationOptions) -> dict[str, Config]:
    """Return the training settings of each arm.

    Raises:
        ConfigError: see `compare_variants`.
    """
    if settings.kind == "split" and not settings.folds:
        raise ConfigError(
            "ablation split: folds = 0; expected 3 or more, so that both arms test the same files; set --folds"
        )
    arms = SPLIT_ARMS if settings.kind == "split" else tuple(settings.arms)
    configs = {arm: update_config(config, settings.arms.get(arm, {}), f"arm {arm!r}") for arm in arms}
    for arm, values in {} if options.full else settings.arms.items():
        unused = [key for key in values if key.split(".")[0] in NEEDS_TRAINING]
        if unused:
            raise ConfigError(
                f"arm {arm!r}: {unused[0]} does not change the features of a frozen backbone; give --full to train"
            )
    return configs


def _common_backbone(configs: Mapping[str, Config]) -> str:
    names = {config.model.backbone for config in configs.values()}
    return names.pop() if len(names) == 1 else ""


def _test_arm(
    arm: str,
    config: Config,
    root: Path,
    records: Sequence[Record],
    folder: Path,
    settings: AblationSettings,
    options: AblationOptions,
    on_step: Report,
) -> list[Predictions]:
    """Train an arm for each seed, and return its predictions by film."""
    quick = None if options.full else _quick_fit(arm, config, root, records, options.device, on_step)
    by_group = arm != SPLIT_ARMS[0] or settings.kind != "split"
    by_seed = []
    for seed in settings.seeds:
        on_step(f"seed {seed}: training {arm}")
        fit = quick or build_full_fit(config, seed, folder, options)
        parts = divide_records(records, settings.folds, seed, by_group=by_group)
        by_seed.append(predict_arms(fit, parts, seed, {arm: root}, arm, [arm])[arm])
    return by_seed


def _quick_fit(arm: str, config: Config, root: Path, records: Sequence[Record], device: str, on_step: Report) -> Fit:
    on_step(f"features for {arm}")
    features = {root: extract_features(config, root, records, device)}
    return build_quick_fit(order_classes((r.label for r in records), config.data.positive), records, features)


def conclude(name: str, tested: Tested, settings: AblationSettings, mode: str, *, n_files: int) -> Ablation:
    """Compute the score of each arm, the differences from the first arm, and the verdict.

    Args:
        tested: (arm, arm) -> predictions by film, one for each seed.
        n_files: number of tested files.
    """
    (first, _), *others = tested
    runs = tested[first, first]
    metric = ranking_metric(runs[0].classes)
    contrasts = tuple(compare_scores(metric, arm, f"{first} minus {arm}", runs, tested[arm, arm]) for arm, _ in others)
    verdict, reason = judge(contrasts, settings.margin)
    return Ablation(
        name=name,
        question=settings.question,
        mode=mode,
        seeds=settings.seeds,
        folds=settings.folds,
        metric=metric.name,
        margin=settings.margin,
        cells=score_cells(metric, tested),
        contrasts=contrasts,
        flips=(),
        verdict=verdict,
        reason=reason,
        limits="This verdict is about these films and these settings; the intervals are over groups, not over seeds",
        n_groups=len(set(runs[0].groups)),
        n_films=len(runs[0]),
        n_files=n_files,
        positive=positive_class(runs[0].classes),
    )


def judge(contrasts: Sequence[Contrast], margin: float) -> tuple[str, str]:
    """Return the verdict (difference, no difference or undecided) and its reason.

    With several contrasts the p values are Bonferroni-corrected.
    """
    texts = "; ".join(f"{c.text} {c.describe('+.3f')}" for c in contrasts)
    if any(c.p * len(contrasts) <= ALPHA and c.low * c.high > 0 for c in contrasts):
        return "difference", texts
    if all(-margin < c.low and c.high < margin for c in contrasts):
        return "no difference", f"{texts}: a difference of {margin:.2f} or more is excluded"
    return "undecided", f"{texts}: no difference and a difference of {margin:.2f} or more are both possible"
