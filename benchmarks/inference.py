"""Measure the speed of torch, ONNX Runtime and OpenVINO on the CPU.

    python benchmarks/inference.py [FILMS_FOLDER] [--backbones mobilenetv2_100,resnet50]

Uses random weights and 224 px. Prints for each backbone and batch size:

- films per second of CPU time of the network alone, the median of REPEATS rounds in which the engines alternate, and
  the ratio to `eager`: torch with the whole batch at once. `torch` is fxkit's way: a few films at a time.
- with FILMS_FOLDER, the same from files: one at a time with eager torch, and as `fxkit predict` reads and batches them.
- CPU and wall seconds of `fxkit predict` for one film, as a new process. For a run folder also with an export written
  first, and the number of films from which that export saves time (from the speed of the network alone).

Other work on the machine changes CPU time little. Give each engine one thread, because waiting threads count too:

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/inference.py FILMS_FOLDER
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from fxkit import __version__
from fxkit.config import DataConfig, ModelConfig
from fxkit.data.preprocessing import Grey, resize
from fxkit.data.transforms import to_tensor
from fxkit.models.backbones import build_preprocessing
from fxkit.models.classifier import build_classifier
from fxkit.models.export import write_exported
from fxkit.models.exported import FORMATS, ExportedCard, load_exported
from fxkit.models.model_json import ModelCard
from fxkit.models.predict_images import Floats, Network, predict_images
from fxkit.models.predict_records import TorchNetwork
from fxkit.models.saved import Model, save_model
from fxkit.synth.synthetic_film import FilmPlan, SynthOptions, make_film
from preprocess.images import read_image, to_grey8, write_image
from preprocess.listing import image_paths

CLASSES = ("not_fractured", "fractured")
BATCHES = (1, 16)
REPEATS = 3
SECONDS = 0.3  # least CPU time of each engine in each round
FILES = 32


class Eager(TorchNetwork):
    """The model in torch as usually called: the whole batch at once, in the default memory order."""

    def probabilities(self, films: Grey) -> Floats:
        with torch.inference_mode():
            images = torch.stack([to_tensor(film, self.card.preprocessing) for film in films])
            return self.model.classifier(images).softmax(1).double().numpy()


def make_model(backbone: str) -> Model:
    config = ModelConfig(backbone=backbone, pretrained=False)
    size = build_preprocessing(config, DataConfig(image_size=224))
    classifier = build_classifier(config, len(CLASSES), load=False, image_size=224)
    return Model(classifier.eval(), ModelCard(CLASSES, config, size, None))


def export_all(model: Model, folder: Path) -> Mapping[str, Path]:
    """Save a model and export it in every format; return the files."""
    preprocessing, backbone = model.card.preprocessing, model.card.model.backbone
    card = ExportedCard(CLASSES, preprocessing, None, 0.5, 1.0, backbone, "", "", __version__)
    save_model(folder, model)
    files = {name: folder / f"model{ending}" for name, ending in FORMATS.items()}
    for name, file in files.items():
        write_exported(model, card, name, file)
    return files


def rate(run: Callable[[], object], count: int) -> float:
    """Return the films per second of CPU time of a function that processes `count` films."""
    start, done = time.process_time(), 0
    while (spent := time.process_time() - start) < SECONDS or not done:
        run()
        done += count
    return done / spent


def median_rates(runs: Mapping[str, tuple[Callable[[], object], int]], repeats: int = REPEATS) -> dict[str, float]:
    """Return the median rate of each function. After one warm-up call each, they alternate."""
    for run, _ in runs.values():
        run()
    rounds = [{name: rate(run, count) for name, (run, count) in runs.items()} for _ in range(repeats)]
    return {name: statistics.median(row[name] for row in rounds) for name in runs}


def print_rates(heading: str, rates: Mapping[str, float]) -> None:
    columns = (f"{name} {value:.1f} ({value / rates['eager']:.2f})" for name, value in rates.items())
    print(f"{heading:<32} {'  '.join(columns)}", flush=True)


def compare_networks(name: str, networks: Mapping[str, Network]) -> dict[str, float]:
    """Print the rates for each batch size; return those of the largest batch."""
    films = np.random.default_rng(0).integers(0, 256, (max(BATCHES), 224, 224), np.uint8)
    for size in BATCHES:
        batch = films[:size]
        runs = {key: ((lambda n=n, batch=batch: n.probabilities(batch)), size) for key, n in networks.items()}
        rates = median_rates(runs)
        print_rates(f"{name}, batch of {size}", rates)
    return rates


def first_prediction(model: Path, film: Path, *options: str, once: bool = False) -> tuple[float, float]:
    """Return the least CPU and wall seconds of `fxkit predict MODEL FILM` as a new process."""
    command = [sys.executable, "-c", "from fxkit.cli import main; main()", "predict", str(model), str(film), *options]
    times = []
    for _ in range(1 if once else REPEATS):
        before, start = os.times(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        after, end = os.times(), time.perf_counter()
        cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
        times.append((cpu_s, end - start))
    return min(cpu_s for cpu_s, _ in times), min(wall_s for _, wall_s in times)


def break_even(run_folder: Path, film: Path, torch_s: float, rates: Mapping[str, float]) -> None:
    """Print the cost of writing each export first, and the number of films from which it saves time."""
    for name in FORMATS:
        cpu_s, wall_s = first_prediction(run_folder, film, "--engine", name, once=True)
        shutil.rmtree(run_folder / "exported")
        saved = 1 / rates["torch"] - 1 / rates[name]
        films = f"from {(cpu_s - torch_s) / saved:.0f} films" if saved > 0 else "never"
        print(f"{name} export written first: {cpu_s:.2f} s CPU, {wall_s:.2f} s wall; saves time {films}", flush=True)


def one_at_a_time(network: Network, paths: list[Path]) -> None:
    for path in paths:
        network.probabilities(resize(to_grey8(read_image(path)), network.card.preprocessing)[None])


def compare_files(name: str, networks: Mapping[str, Network], folder: Path) -> None:
    paths = [folder / path for path in image_paths(folder)[:FILES]]
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "eager": (lambda: one_at_a_time(networks["eager"], paths), len(paths))
    }
    for key, network in networks.items():
        runs[f"{key}, batches"] = ((lambda network=network: predict_images(network, paths)), len(paths))
    print_rates(f"{name}, {len(paths)} files", median_rates(runs, repeats=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="?", type=Path)
    parser.add_argument("--backbones", default="mobilenetv2_100,resnet50")
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; films per CPU second (ratio to eager)")
    with tempfile.TemporaryDirectory() as temporary:
        film = Path(temporary) / "film.png"
        write_image(film, make_film(FilmPlan(1, 1, 0, True), SynthOptions(size_px=1024)).image)
        for name in options.backbones.split(","):
            model = make_model(name)
            files = export_all(model, Path(temporary) / name)
            cpu = torch.device("cpu")
            networks: dict[str, Network] = {
                "eager": Eager(model, cpu),
                "torch": TorchNetwork(model, cpu),
            }
            networks |= {key: load_exported(file) for key, file in files.items()}
            rates = compare_networks(name, networks)
            models = {"run folder": (Path(temporary) / name, "--engine", "torch")} | {k: (p,) for k, p in files.items()}
            first = {key: first_prediction(path, film, *extra) for key, (path, *extra) in models.items()}
            for key, (cpu_s, wall_s) in first.items():
                print(f"{name}, first prediction, {key}: {cpu_s:.2f} s CPU, {wall_s:.2f} s wall", flush=True)
            break_even(Path(temporary) / name, film, first["run folder"][0], rates)
            if options.films is not None:
                compare_files(name, networks, options.films)


if __name__ == "__main__":
    main()
