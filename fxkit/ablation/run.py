"""Run any ablation: make its films where it needs some, then train, test and conclude."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fxkit.ablation.learning import QUICK, Flags
from fxkit.ablation.masked_vs_raw import check_start, cleaned_records, masked_vs_raw
from fxkit.ablation.result import Ablation
from fxkit.ablation.settings import AblationSettings
from fxkit.ablation.variants import compare_variants
from fxkit.ablation.write_arms import write_arms
from fxkit.config import Config
from fxkit.data.manifest import Record


def run_ablation(
    name: str,
    config: Config,
    root: Path,
    records: Sequence[Record],
    folder: Path,
    settings: AblationSettings,
    flags: Flags = QUICK,
    *,
    cleaned: Path | None = None,
    jobs: int = 1,
    on_step: Callable[[str], None] = lambda step: None,
) -> Ablation:
    """Run an ablation and write ablation.json into folder; see `masked_vs_raw` and `compare_variants`.

    Args:
        cleaned: where the films that `clean-labels` cleaned are, or are to be; ROOT-clean if None.
        jobs: processes for cleaning and changing films.
    """
    check_start(records, folder, settings, flags)  # before hours of cleaning
    if settings.kind != "markers":
        return compare_variants(name, config, root, records, folder, settings, flags, on_step=on_step)
    cleaned_root, held = cleaned_records(root, records, cleaned, jobs=jobs)
    if len(held) < len(records):
        on_step(f"note: {len(records) - len(held)} files are unreadable or could not be cleaned: left out")
    on_step("changing films for the other arms")
    roots = write_arms(
        root,
        cleaned_root,
        held,
        folder / "arms",
        folds=settings.folds,
        seeds=settings.seeds,
        jobs=jobs,
        max_pixels=config.data.max_pixels,
    )
    return masked_vs_raw(config, roots, held, folder, settings, flags, on_step=on_step)
