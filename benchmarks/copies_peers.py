"""Copies found by other tools on the same files, each at the threshold that suits it best.

    python benchmarks/copies_peers.py ../shared/data/forearm/patients.csv --film stem --patient patient --films 12
    python benchmarks/copies_peers.py /tmp/hard/truth.csv --half even --same benchmarks/fracatlas_doubles.csv

Needs `imagededup` and `cleanvision` (in an environment of their own: they are no dependency). imagededup's network is
given MobileNetV2's ImageNet weights (`--weights`), for its own are fetched from the net. Pairs that a tool names are
joined to groups, as fxkit's are; of each tool's thresholds the one with the best F1 of pairs is shown.
"""

import contextlib
import io
import resource
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click
from copies import Scores, Truth, read_truth, scores, scrambled
from joblib.externals.loky import get_reusable_executor
from scipy.cluster.hierarchy import DisjointSet

DISTANCES = range(0, 21, 2)  # of imagededup's 64-bit perceptual hash
SIMILARITIES = (0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995)  # cosine, of its network's features
HASH_SIZES = (4, 5, 6, 8)  # of cleanvision's perceptual hash, whose near duplicates share the hash

Pairs = Iterable[tuple[str, str]]
Scored = Mapping[str, Sequence[tuple[str, float]]]


def grouped(names: Sequence[str], pairs: Pairs) -> list[str]:
    """Return of each file one that stands for all that pairs bind to it."""
    sets: DisjointSet[str] = DisjointSet(names)
    for first, second in pairs:
        sets.merge(first, second)
    return [sets[name] for name in names]


def f1(found: Scores) -> float:
    return 2 * found.found * found.right_by_patient / max(1e-9, found.found + found.right_by_patient)


def processor_s() -> float:
    """Return the processor time of this process and of those that it started and that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in usage)


def best(truth: Truth, tries: Mapping[str, Pairs]) -> tuple[str, Scores]:
    """Return the threshold with the best F1 of pairs, and its scores."""
    tried = {name: scores(truth, grouped(truth.names, pairs)) for name, pairs in tries.items()}
    name = max(tried, key=lambda name: f1(tried[name]))
    return name, tried[name]


def perceptual_hash(folder: Path) -> dict[str, Pairs]:
    from imagededup.methods import PHash

    method = PHash(verbose=False)
    found = method.find_duplicates(image_dir=str(folder), max_distance_threshold=max(DISTANCES), scores=True)
    return {f"distance {limit}": kept(found, lambda value, limit=limit: value <= limit) for limit in DISTANCES}


def network(folder: Path, weights: Path) -> dict[str, Pairs]:
    import timm
    import torch
    from imagededup.methods import CNN
    from imagededup.utils import CustomModel
    from safetensors.torch import load_file

    model = timm.create_model("mobilenetv2_100", num_classes=0)
    model.load_state_dict(load_file(weights), strict=False)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    torch.set_num_threads(2)
    with contextlib.redirect_stderr(io.StringIO()):
        method = CNN(verbose=False, model_config=CustomModel("mobilenetv2_100", model.eval(), transform))
        found = method.find_duplicates(image_dir=str(folder), min_similarity_threshold=min(SIMILARITIES), scores=True)
    return {f"cosine {limit}": kept(found, lambda value, limit=limit: value >= limit) for limit in SIMILARITIES}


def kept(found: Scored, suffices) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    return [(name, other) for name, others in found.items() for other, value in others if suffices(float(value))]


def vision(folder: Path) -> dict[str, Pairs]:
    from cleanvision import Imagelab

    tries: dict[str, Pairs] = {}
    for size in HASH_SIZES:
        with contextlib.redirect_stdout(io.StringIO()):
            lab = Imagelab(data_path=str(folder))
            lab.find_issues({"exact_duplicates": {}, "near_duplicates": {"hash_size": size}}, n_jobs=2)
        sets = [*lab.info["near_duplicates"]["sets"], *lab.info["exact_duplicates"]["sets"]]
        tries[f"hash size {size}"] = [(Path(found[0]).name, Path(other).name) for found in sets for other in found[1:]]
    return tries


def own(folder: Path, names: Sequence[str]) -> dict[str, Pairs]:
    from fxkit.index.cache import open_store
    from fxkit.index.find_copies import find_copies
    from fxkit.index.read_files import read_files
    from preprocess.image_files import MAX_PIXELS

    with open_store(None) as store:
        hashes = [reading.sha256 for reading in read_files(store, folder, names, MAX_PIXELS, 2)]
        groups = find_copies(store, hashes, jobs=2).groups
    shown = dict(zip(hashes, names, strict=True))
    return {"as it comes": [(name, shown[groups[sha256]]) for sha256, name in zip(hashes, names, strict=True)]}


@click.command()
@click.argument("truth", type=click.Path(path_type=Path, exists=True))
@click.option("--film", default="film", help="Column that copies share.")
@click.option("--patient", default="", help="Column of patients.")
@click.option("--same", type=click.Path(path_type=Path), help="CSV of films that are one, first,second.")
@click.option("--half", type=click.Choice(["all", "odd", "even"]), default="all", help="Films by number.")
@click.option("--films", default=0, help="How many of the films, drawn by lot; 0: all.")
@click.option(
    "--weights", type=click.Path(path_type=Path), default="../shared/data/weights/mobilenetv2_100_in1k.safetensors"
)
def main(truth: Path, film: str, patient: str, same: Path | None, half: str, films: int, weights: Path) -> None:
    known = read_truth(truth, film, patient, same, half, films)
    tools = {
        "fxkit": lambda folder: own(folder, known.names),
        "imagededup PHash": perceptual_hash,
        "imagededup CNN": lambda folder: network(folder, weights),
        "cleanvision": vision,
    }
    print(f"{len(known.paths)} files, {len(set(known.films))} films")
    print("| tool | threshold | pairs found | rightly joined | films whole | leak flagged | false alarms | processor |")
    print("|---|---|---|---|---|---|---|---|")
    for tool, find in tools.items():
        with scrambled(known) as folder:
            start = processor_s()
            tries = find(folder)
            get_reusable_executor().shutdown()  # its processes count once they have ended
            took = processor_s() - start
        name, found = best(known, tries)
        print(
            f"| {tool} | {name} | {found.found:.1%} | {found.right_by_patient:.1%} | {found.whole:.0%} | "
            f"{found.leaked_flagged:.1%} | {found.honest_flagged:.1%} | {took:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
