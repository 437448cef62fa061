"""masked-vs-raw for a given model: nothing is trained, and the model itself is tested on the films of every arm."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.ablation.clean_films import clean_films
from fxkit.ablation.coverage import check_same_files, measure_coverage, score_unmarked
from fxkit.ablation.marker_tests import TESTS, count_flips, measure_lost_log_odds
from fxkit.ablation.result import compare_scores, refuse_earlier, score_cells, write_result
from fxkit.ablation.settings import QUICK, AblationOptions, AblationSettings
from fxkit.ablation.write_arms import ArmOptions, Roots, write_arms
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import Record, films_hash, usable
from fxkit.data.positive import positive_class
from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.checks import check_classes, spell_as_model
from fxkit.evaluation.external.same_model import compare_with_folder
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Metric, ranking_metric
from fxkit.models.given.open import OpenedModel
from fxkit.models.predict_with import predict_records_with
from fxkit.report.ablation import GIVEN, Ablation, Contrast
from fxkit.report.coverage import ENOUGH, Coverage
from fxkit.report.marker_verdict import ALPHA, GIVEN_MODEL, MARKERS, RELIANCE, judge
from preprocess.image_files import MAX_PIXELS
from preprocess.locks import locked
from preprocess.words import amount

# key, text, and the arms whose scores are subtracted
CONTRASTS = (
    ("markers", "the same area erased elsewhere minus markers erased", "control", "cleaned"),
    ("swapped", "markers of the same class pasted in minus markers of another class", "swapped-same", "swapped"),
    ("erasing", "raw minus cleaned films", "raw", "cleaned"),
    ("elsewhere", "raw films minus the same area erased elsewhere", "raw", "control"),
    ("clipping", "raw minus clipped films", "raw", "clipped"),
)

LOG_ODDS = "log-odds of the true class lost by erasing the markers, beyond the same area erased elsewhere (p one-sided)"

LIMITS = (
    "The given model was tested as it is; nothing was trained. Inpainted areas may be new to it: the arm with the same "
    "area erased elsewhere shows what erasing does by itself, but no two areas are quite alike. A film without markers "
    "tests nothing, and markers of a kind that these films lack are not tested. The verdict is about markers only: not "
    "about other shortcuts such as exposure, collimation, view or hardware, nor about films from other sites"
)

Report = Callable[[str], None]

Tested = Mapping[str, Sequence[Predictions]]  # arm -> predictions by film, one for each seed


@locked("folder")
def ablate_given(
    model: OpenedModel,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    settings: AblationSettings,
    options: AblationOptions = QUICK,
    *,
    max_pixels: int = MAX_PIXELS,
    on_step: Report = lambda step: None,
) -> Ablation:
    """Write the films of the arms, predict them with a given model, and write ablation.json into folder.

    Seeds change only where the areas of the arm control lie and which markers are pasted in.

    If the folder holds predictions that `fxkit evaluate` wrote, the model must give the same ones for the raw films.
    `fxkit audit` then answers its question about markers by this ablation.

    Raises:
        ConfigError, RunError: see `check_start`.
        DataError: see `select_films`, `check_same_files` and `compare_with_folder`.
    """
    root, folder = Path(root), Path(folder)
    check_start(model, folder, settings, options)
    cleaned, films = _clean(model, root, records, options, on_step)
    on_step("predicting the raw films")
    raw = predict_records_with(model.network, root, films, max_pixels=max_pixels)
    evaluated = compare_with_folder(folder, raw)
    on_step("writing the films of the other arms")
    arms = ArmOptions(0, settings.seeds, controls=True, jobs=options.jobs, max_pixels=max_pixels)
    roots = write_arms(root, cleaned, films, folder / "arms", arms)
    tested = predict_arms(model, roots, films, {root: raw}, max_pixels, on_step)
    on_step("looking for markers on the cleaned films")
    coverage, unmarked = measure_coverage(cleaned, films, jobs=options.jobs, max_pixels=max_pixels)
    origin = {"stamp": leak_stamp(records), "manifest": films_hash(films, split=False), "predictions": evaluated}
    identity = {"model": model.name, "model_sha256": model.sha256}
    result = conclude(tested, settings, coverage, unmarked).model_copy(update=origin | identity)
    write_result(folder, result)
    return result


def check_start(model: OpenedModel, folder: Path, settings: AblationSettings, options: AblationOptions) -> None:
    """Check the model, the ablation and the folder before anything is computed.

    Raises:
        ConfigError: the ablation trains models, or the model was trained on cleaned films.
        RunError: the folder holds an ablation already, and the options neither resume nor overwrite it.
    """
    if settings.kind != "markers":
        raise ConfigError(
            f"an ablation of kind {settings.kind!r} trains models, and a given model is not trained; expected {MARKERS}"
        )
    if model.network.card.cleaning is not None:
        raise ConfigError(
            f"{model.name}: was trained on cleaned films and is meant for such films, so raw films test nothing; "
            "expected a model of raw films"
        )
    refuse_earlier(folder, options)


def _clean(
    model: OpenedModel, root: Path, records: Sequence[Record], options: AblationOptions, on_step: Report
) -> tuple[Path, list[Record]]:
    """Return the cleaned folder and the tested films that it contains."""
    films = select_films(model, root, records)
    cleaned, kept = clean_films(root, films, options.cleaned, jobs=options.jobs)
    if len(kept) < len(films):
        on_step(f"note: {amount(len(films) - len(kept), 'file is', 'files are')} left out: could not be cleaned")
    films = select_films(model, root, kept)
    check_same_files(root, cleaned, films)
    return cleaned, films


def select_films(model: OpenedModel, root: Path, records: Sequence[Record]) -> list[Record]:
    """Return the usable test films, or all usable ones if none has the split test, in the model's spelling of classes.

    Raises:
        DataError: there is no film, a class of the films is none of the model's, or a class of the model has no film.
    """
    chosen = [replace(r, split="test") for r in usable(records, "test") or usable(records)]
    films, _ = spell_as_model(model.network, chosen)
    check_classes(model.network, films, str(root))
    missing = [name for name in model.classes if name not in {film.label for film in films}]
    if missing:
        raise DataError(
            f"{root}: no usable test film of class {missing[0]!r}, which {model.name} predicts; expected films of "
            "every class"
        )
    return films


def predict_arms(
    model: OpenedModel,
    roots: Mapping[int, Roots],
    records: Sequence[Record],
    known: Mapping[Path, Predictions],
    max_pixels: int,
    on_step: Report,
) -> Tested:
    """Return the predictions of each arm by film, one for each seed; a folder that seeds share is predicted once.

    Args:
        known: image root -> predictions that exist already.
    """
    by_root = {root: predictions.by_film() for root, predictions in known.items()}
    tested: dict[str, list[Predictions]] = {}
    for seed, arms in roots.items():
        for arm, root in arms.items():
            if root not in by_root:
                on_step(
                    f"predicting the {arm} films" + (f", seed {seed}" if root.name.endswith(f"-seed{seed}") else "")
                )
                by_root[root] = predict_records_with(model.network, root, records, max_pixels=max_pixels).by_film()
            tested.setdefault(arm, []).append(by_root[root])
    return tested


def conclude(
    tested: Tested, settings: AblationSettings, coverage: Coverage, unmarked: Collection[str] = ()
) -> Ablation:
    """Compute the score of each arm, the differences and the verdict.

    Args:
        tested: arm -> predictions by film, one for each seed; at least raw, cleaned and control.
        unmarked: names of the tested films without any marker that was found.
    """
    first = tested["raw"][0]
    metric = ranking_metric(first.classes)
    cells = score_cells(metric, {(GIVEN, arm): runs for arm, runs in tested.items()})
    contrasts = _compare_arms(metric, tested)
    raw = next(cell for cell in cells if cell.tested == "raw")
    rest = score_unmarked(tested["raw"], unmarked) if coverage.lowest_share < ENOUGH else None
    judged = judge(raw, contrasts, coverage, settings.margin, rest, models=GIVEN_MODEL)
    further = find_effects(judged.verdict, contrasts)
    return Ablation(
        name=MARKERS,
        question=settings.question,
        mode=GIVEN,
        seeds=settings.seeds,
        metric=metric.name,
        margin=settings.margin,
        cells=cells,
        contrasts=contrasts,
        flips=tuple(count_flips(name, tested) for name, arms in TESTS.items() if {*arms} <= {*tested}),
        verdict=judged.verdict,
        reason=judged.reason,
        findings=(*judged.findings, *further),
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
    return (*scores, measure_lost_log_odds("log_odds", LOG_ODDS, tested["control"], tested["cleaned"]))


def find_effects(verdict: str, contrasts: Sequence[Contrast]) -> list[str]:
    """Return what else changes the model's predictions: erasing by itself, and pasted markers.

    Pasted markers do not decide, because the markers of one donor lie on several films; but markers that mislead the
    model although erasing them costs nothing are no `no evidence` without a remark.
    """
    by_key = {c.key: c for c in contrasts}
    findings = []
    elsewhere = by_key["elsewhere"]
    if elsewhere.p <= ALPHA and elsewhere.low > 0:
        findings.append(
            f"erasing by itself lowers the score of the given model by {elsewhere.describe()}: inpainted areas are new "
            "to it, or it reads what was there"
        )
    swapped = by_key.get("swapped")
    if verdict != RELIANCE and swapped is not None and swapped.p <= ALPHA and swapped.low > 0:
        findings.append(
            "the markers that are pasted in matter to the given model: with markers of another class instead of the "
            f"same class, its score falls by {swapped.describe()}"
        )
    return findings
