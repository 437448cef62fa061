"""Ablations of how is trained or divided: other settings, or a split by file instead of by group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fxkit.ablation.learning import QUICK, Fit, Flags, extract, full_fit, parts_of, quick_fit
from fxkit.ablation.masked_vs_raw import check_start
from fxkit.ablation.result import Ablation, Contrast, cells_of, contrast, write_result
from fxkit.ablation.settings import AblationSettings
from fxkit.config import Config, update_config
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import Record, films_hash, order_classes, usable
from fxkit.errors import ConfigError
from fxkit.evaluation.out_of_fold import pool
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import p_text, ranking_metric

ALPHA = 0.05

NEEDS_TRAINING = ("augment", "optim", "trainer")  # settings that frozen features do not depend on

SPLIT_ARMS = ("by file", "by group")


def compare_variants(
    name: str,
    config: Config,
    root: Path,
    records: Sequence[Record],
    folder: str | Path,
    settings: AblationSettings,
    flags: Flags = QUICK,
    *,
    on_step: Callable[[str], None] = lambda step: None,
) -> Ablation:
    """Train each arm with the same films and seeds, compare the arms with the first, and write ablation.json.

    Args:
        settings: of kind settings, whose arms change the training, or of kind split, whose arms are "by file" and "by
            group". The latter needs folds: then both test every file once.
    Raises:
        ConfigError: an arm's setting is none, frozen features do not depend on it, or kind split without folds.
        DataError, RunError: as `check_start`.
    """
    folder = Path(folder)
    if settings.kind == "split" and not settings.folds:
        raise ConfigError("ablation split without folds; expected 3 or more: both arms must test the same files")
    arms = SPLIT_ARMS if settings.kind == "split" else tuple(settings.arms)
    configs = {arm: update_config(config, settings.arms.get(arm, {}), f"arm {arm!r}") for arm in arms}
    if not flags.full:
        _check_quick(settings.arms)
    check_start(records, folder, settings, flags)
    good = usable(records)
    # files of one film on both sides are what a split by file is: its leak is the question here
    leaking = replace(flags, allow_leaks=flags.allow_leaks or settings.kind == "split")
    tested: dict[tuple[str, str], list[Predictions]] = {}
    for arm, own in configs.items():
        quick = None if flags.full else _quick(own, root, good, flags.device, on_step, arm)
        for seed in settings.seeds:
            on_step(f"seed {seed}: training {arm}")
            fit = quick or full_fit(own, seed, folder, leaking)
            found = _fit_parts(fit, good, settings, seed, arm, root)
            tested.setdefault((arm, arm), []).append(found.known().by_film())
    result = conclude(name, tested, settings, flags.mode, n_files=_tested(good, settings))
    result = replace(
        result,
        stamp="" if settings.folds else leak_stamp(records),
        backbone=_only(configs),
        manifest=films_hash(good, split=not settings.folds),
    )
    write_result(folder, result)
    return result


def _check_quick(arms: Mapping[str, Mapping[str, Any]]) -> None:
    for arm, values in arms.items():
        wrong = [key for key in values if key.split(".")[0] in NEEDS_TRAINING]
        if wrong:
            raise ConfigError(
                f"arm {arm!r}: {wrong[0]} changes nothing of a frozen backbone's features; give --full to train"
            )


def _only(configs: Mapping[str, Config]) -> str:
    names = {config.model.backbone for config in configs.values()}
    return names.pop() if len(names) == 1 else ""


def _quick(
    config: Config, root: Path, records: Sequence[Record], device: str, on_step: Callable[[str], None], arm: str
) -> Fit:
    on_step(f"features for {arm}")
    features = {root: extract(config, root, records, device)}
    return quick_fit(order_classes(r.label for r in records), records, features)


def _fit_parts(
    fit: Fit, records: Sequence[Record], settings: AblationSettings, seed: int, arm: str, root: Path
) -> Predictions:
    by_group = arm != SPLIT_ARMS[0] or settings.kind != "split"
    parts = []
    for number, part in enumerate(parts_of(records, settings.folds, seed, by_group=by_group)):
        name = f"{arm.replace(' ', '-')}-seed{seed}" + (f"-fold{number}" if settings.folds else "")
        parts.append(fit(part, root, name)(root))
    return pool(parts, [r.path for r in records])


def _tested(records: Sequence[Record], settings: AblationSettings) -> int:
    return len(records) if settings.folds else len(usable(records, "test"))


def conclude(
    name: str,
    tested: Mapping[tuple[str, str], Sequence[Predictions]],
    settings: AblationSettings,
    mode: str,
    *,
    n_files: int,
) -> Ablation:
    """Turn each arm's predictions by film, one a seed, into figures, differences from the first arm, and a verdict."""
    (first, _), *others = tested
    runs = tested[first, first]
    metric = ranking_metric(runs[0].classes)
    contrasts = tuple(contrast(metric, arm, f"{first} minus {arm}", runs, tested[arm, arm]) for arm, _ in others)
    verdict, reason = judge(contrasts, settings.margin)
    return Ablation(
        name=name,
        question=settings.question,
        mode=mode,
        seeds=settings.seeds,
        folds=settings.folds,
        metric=metric.name,
        margin=settings.margin,
        cells=cells_of(metric, tested),
        contrasts=contrasts,
        flips=(),
        verdict=verdict,
        reason=reason,
        limits="This holds for these films and these settings; the intervals are over groups, not over seeds",
        n_groups=len(set(runs[0].groups)),
        n_films=len(runs[0]),
        n_files=n_files,
    )


def judge(contrasts: Sequence[Contrast], margin: float) -> tuple[str, str]:
    """Return the verdict (difference, no difference, undecided) and its reason; of several arms Bonferroni's."""
    told = "; ".join(
        f"{c.text} {c.value:+.3f} (95 % interval {c.low:+.3f} to {c.high:+.3f}, {p_text(c.p)})" for c in contrasts
    )
    if any(c.p * len(contrasts) <= ALPHA and c.low * c.high > 0 for c in contrasts):
        return "difference", told
    if all(-margin < c.low and c.high < margin for c in contrasts):
        return "no difference", f"{told}: differences of {margin:.2f} are excluded"
    return "undecided", f"{told}: both none and one of {margin:.2f} or more are possible"
