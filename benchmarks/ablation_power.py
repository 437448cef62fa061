"""How often masked-vs-raw says reliance where markers tell the class, and where they do not: made films.

Each repetition makes films whose marker style tells the class with a correlation, cleans them with the markers that are
known, and asks `fxkit ablate masked-vs-raw` in its quick way. Counted are the verdicts.
"""

import tempfile
from collections import Counter
from pathlib import Path

import click

from fxkit.ablation.folders import write_arms
from fxkit.ablation.markers import masked_vs_raw
from fxkit.ablation.settings import ablation_settings
from fxkit.bootstrap import wilson
from fxkit.config import Config, load_config
from fxkit.data.index import index_data
from fxkit.synth.dataset import MARKERS, TRUTH, synth
from preprocess.clean import clean_folder

ASKED = ("raw", "cleaned", "control", "swapped", "swapped-same")  # what the verdict rests on


@click.command()
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
@click.option("--correlation", "correlations", type=float, multiple=True, default=(0.0, 0.5, 0.9), show_default=True)
@click.option("--repetitions", default=40, show_default=True)
@click.option("--films", default=120, show_default=True)
@click.option("--size", default=224, show_default=True, help="Longer side of a film, px.")
@click.option("--first-seed", default=0, show_default=True)
@click.option("--jobs", default=2, show_default=True)
def main(
    weights: Path,
    correlations: tuple[float, ...],
    repetitions: int,
    films: int,
    size: int,
    first_seed: int,
    jobs: int,
) -> None:
    config = load_config(
        None,
        [
            "model.backbone=mobilenetv2_100",
            f"model.weights={weights}",
            "model.args={pad_type: same, bn_eps: 1e-3}",
            "model.mean=0.5",
            "model.std=0.5",
            f"data.image_size={size}",
            "data.workers=0",
        ],
    )
    print("correlation  repetitions  reliance (95 % interval)  no evidence  undecided")
    for correlation in correlations:
        verdicts: Counter[str] = Counter()
        for seed in range(first_seed, first_seed + repetitions):
            verdicts[verdict_on(config, correlation, films, size, seed, jobs)] += 1
            print(f"# {correlation} {seed}: {dict(verdicts)}", flush=True)
        share = verdicts["reliance"] / repetitions
        low, high = wilson(share, repetitions)
        others = f"{verdicts['no evidence']:>11}  {verdicts['undecided']:>9}"
        print(f"{correlation:>11}  {repetitions:>11}  {share:>8.1%} ({low:.1%} to {high:.1%})  {others}", flush=True)


def verdict_on(config: Config, correlation: float, films: int, size: int, seed: int, jobs: int) -> str:
    """Make films with this seed and return the verdict on them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = synth(folder / "films", films=films, size_px=size, seed=seed, marker_correlation=correlation, jobs=jobs)
        clean_folder(made.root, folder / "clean", markers=made.root / MARKERS, jobs=jobs)
        found = index_data(made.root / TRUTH, copies=False)
        arms = write_arms(found.root, folder / "clean", found.records, folder / "arms", jobs=jobs)
        asked = ablation_settings("masked-vs-raw", seeds=[seed])
        roots = {arm: arms[arm] for arm in ASKED}
        result = masked_vs_raw(config, roots, found.records, folder / "out", asked)
        told = {c.key: f"{c.value:+.3f} ({c.low:+.3f} to {c.high:+.3f}) p {c.p:.3f}" for c in result.contrasts}
        raw = next(cell for cell in result.cells if (cell.trained, cell.tested) == ("raw", "raw"))
        print(f"# {correlation} {seed}: raw {raw.value:.3f}, {told}", flush=True)
        return result.verdict


if __name__ == "__main__":
    main()
