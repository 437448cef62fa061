"""Compare with other tools that find copies, on the same files, each tool at its best threshold.

    python benchmarks/copies_peers.py ../shared/data/forearm/patients.csv --film stem --patient patient --films 12
    python benchmarks/copies_peers.py /tmp/hard/truth.csv --half even --same benchmarks/fracatlas_doubles.csv

Needs `imagededup` and `cleanvision`, which are not dependencies; install them in a separate environment. imagededup's
network uses ImageNet weights of MobileNetV2 (`--weights`), because it would download its own. The pairs of each tool
are merged into groups, as in fxkit. For each tool the threshold with the best F1 of pairs is shown.
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

DISTANCES = range(0, 21, 2)  # thresholds for imagededup's 64-bit perceptual hash
SIMILARITIES = (
    0.8,
    0.85,
    0.9,
    0.93,
    0.95,
    0.97,
    0.98,
    0.99,
    0.995,
)  # thresholds for the cosine of its network's features
HASH_SIZES = (4, 5, 6, 8)  # of cleanvision's perceptual hash; near duplicates have the same hash

Pairs = Iterable[tuple[str, str]]
Scored = Mapping[str, Sequence[tuple[str, float]]]


def grouped(names: Sequence[str], pairs: Pairs) -> list[str]:
    """Merge pairs into groups; return one representative file per file."""
    sets: DisjointSet[str] = DisjointSet(names)
    for first, second in pairs:
        sets.merge(first, second)
    return [sets[name] for name in names]


def f1(s: Scores) -> float:
    return 2 * s.recall * s.precision_by_patient / max(1e-9, s.recall + s.precision_by_patient)


def processor_s() -> float:
    """Return the CPU time of this process and of its child processes that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in usage)


def best_threshold(truth: Truth, tries: Mapping[str, Pairs]) -> tuple[str, Scores]:
    """Return the threshold with the best F1 of pairs, and its scores."""
    results = {name: scores(truth, grouped(truth.names, pairs)) for name, pairs in tries.items()}
    name = max(results, key=lambda name: f1(results[name]))
    return name, results[name]


def perceptual_hash(folder: Path) -> dict[str, Pairs]:
    from imagededup.methods import PHash

    method = PHash(verbose=False)
    duplicates = method.find_duplicates(image_dir=str(folder), max_distance_threshold=max(DISTANCES), scores=True)
    return {
        f"distance {limit}": pairs_within(duplicates, lambda value, limit=limit: value <= limit) for limit in DISTANCES
    }


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
        duplicates = method.find_duplicates(
            image_dir=str(folder), min_similarity_threshold=min(SIMILARITIES), scores=True
        )
    return {
        f"cosine {limit}": pairs_within(duplicates, lambda value, limit=limit: value >= limit) for limit in SIMILARITIES
    }


def pairs_within(duplicates: Scored, is_copy) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    return [(name, other) for name, others in duplicates.items() for other, value in others if is_copy(float(value))]


def cleanvision_hash(folder: Path) -> dict[str, Pairs]:
    from cleanvision import Imagelab

    tries: dict[str, Pairs] = {}
    for size in HASH_SIZES:
        with contextlib.redirect_stdout(io.StringIO()):
            lab = Imagelab(data_path=str(folder))
            lab.find_issues({"exact_duplicates": {}, "near_duplicates": {"hash_size": size}}, n_jobs=2)
        sets = [*lab.info["near_duplicates"]["sets"], *lab.info["exact_duplicates"]["sets"]]
        tries[f"hash size {size}"] = [(Path(files[0]).name, Path(other).name) for files in sets for other in files[1:]]
    return tries


def fxkit_copies(folder: Path, names: Sequence[str]) -> dict[str, Pairs]:
    from fxkit.index.cache import open_store
    from fxkit.index.find_copies import find_copies
    from fxkit.index.read_files import read_files
    from preprocess.image_files import MAX_PIXELS

    with open_store(None) as store:
        hashes = [reading.sha256 for reading in read_files(store, folder, names, MAX_PIXELS, 2)]
        groups = find_copies(store, hashes, jobs=2).groups
    name_of = dict(zip(hashes, names, strict=True))
    return {"default": [(name, name_of[groups[sha256]]) for sha256, name in zip(hashes, names, strict=True)]}


@click.command()
@click.argument("truth", type=click.Path(path_type=Path, exists=True))
@click.option("--film", default="film", help="Column that copies share.")
@click.option("--patient", default="", help="Column of patients.")
@click.option("--same", type=click.Path(path_type=Path), help="CSV (first,second) of films that are the same film.")
@click.option(
    "--half", type=click.Choice(["all", "odd", "even"]), default="all", help="Keep films with an odd or an even number."
)
@click.option("--films", default=0, help="Number of films, sampled at random; 0: all.")
@click.option(
    "--weights", type=click.Path(path_type=Path), default="../shared/data/weights/mobilenetv2_100_in1k.safetensors"
)
def main(truth: Path, film: str, patient: str, same: Path | None, half: str, films: int, weights: Path) -> None:
    known = read_truth(truth, film, patient, same, half, films)
    tools = {
        "fxkit": lambda folder: fxkit_copies(folder, known.names),
        "imagededup PHash": perceptual_hash,
        "imagededup CNN": lambda folder: network(folder, weights),
        "cleanvision": cleanvision_hash,
    }
    print(f"{len(known.paths)} files, {len(set(known.films))} films")
    print("| tool | threshold | recall | precision | films in one group | leaks flagged | false alarms | CPU time |")
    print("|---|---|---|---|---|---|---|---|")
    for tool, find in tools.items():
        with scrambled(known) as folder:
            start = processor_s()
            tries = find(folder)
            get_reusable_executor().shutdown()  # the resources of its processes are only counted after they end
            took = processor_s() - start
        name, result = best_threshold(known, tries)
        print(
            f"| {tool} | {name} | {result.recall:.1%} | {result.precision_by_patient:.1%} | {result.whole:.0%} | "
            f"{result.leaked_flagged:.1%} | {result.honest_flagged:.1%} | {took:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
