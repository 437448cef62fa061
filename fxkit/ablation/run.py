"""Run an ablation of any kind: write the films of its arms if it needs them, then train, test and conclude."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fxkit.ablation.clean_films import clean_films
from fxkit.ablation.learning import check_start
from fxkit.ablation.masked_vs_raw import masked_vs_raw
from fxkit.ablation.settings import QUICK, AblationOptions, AblationSettings
from fxkit.ablation.variants import compare_variants
from fxkit.ablation.write_arms import ArmOptions, write_arms
from fxkit.config import Config
from fxkit.data.manifest import Record
from fxkit.report.ablation import Ablation
from preprocess.locks import locked
from preprocess.words import amount


@locked("folder")
def run_ablation(
    name: str,
    config: Config,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    settings: AblationSettings,
    options: AblationOptions = QUICK,
    *,
    on_step: Callable[[str], None] = lambda step: None,
) -> Ablation:
    """Run an ablation and write ablation.json into folder; see `masked_vs_raw` and `compare_variants`.

    Args:
        name: name of the ablation, for ablation.json.
        on_step: called with a note, or with a description of the next step.
    """
    root, folder = Path(root), Path(folder)
    check_start(config, records, folder, settings, options)  # before cleaning, which can take hours
    if settings.kind != "markers":
        return compare_variants(name, config, root, records, folder, settings, options, on_step=on_step)
    cleaned, cleaned_records = clean_films(root, records, options.cleaned, jobs=options.jobs)
    if len(cleaned_records) < len(records):
        n_left_out = len(records) - len(cleaned_records)
        on_step(f"note: {amount(n_left_out, 'file is', 'files are')} left out: unreadable, or could not be cleaned")
    on_step("writing the films of the other arms")
    arms = ArmOptions(settings.folds, settings.seeds, jobs=options.jobs, max_pixels=config.data.max_pixels)
    roots = write_arms(root, cleaned, cleaned_records, folder / "arms", arms)
    return masked_vs_raw(config, roots, cleaned_records, folder, settings, options, on_step=on_step)
