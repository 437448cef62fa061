"""How fast the engines are on the processor: torch, ONNX Runtime, OpenVINO and TorchScript.

    python benchmarks/inference.py [FILMS_FOLDER] [--backbones mobilenetv2_100,resnet50]

Random weights, 224 px. Prints for each backbone and batch size the films that the network alone does in a second of
processor time, the median of REPEATS rounds in which the engines take turns, and the ratio to eager torch, which is
given the batch as it is (`torch`: as fxkit does it, a few films at a time); for FILMS_FOLDER the same from files, one
at a time with eager torch, and as `fxkit predict` reads and batches them; then the seconds, of processor and of clock,
of a whole `fxkit predict` of one film, that of a run folder also where an export is made first, and from how many films
on (by batches of the network alone) that export has paid. Processor time is little changed by what else runs; give
each engine one thread, or waiting threads count too:

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
SECONDS = 0.3  # at least, of each engine in each round
FILES = 32


class Eager(TorchNetwork):
    """The model in torch as it is mostly called: a batch at once, in its usual memory order."""

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
    own = model.card
    backbone = own.model.backbone
    card = ExportedCard(CLASSES, own.preprocessing, None, 0.5, 1.0, backbone, "", "", __version__)
    save_model(folder, model)
    files = {form: folder / f"model{ending}" for form, ending in FORMATS.items()}
    for form, file in files.items():
        write_exported(model, card, form, file)
    return files


def rate(run: Callable[[], object], count: int) -> float:
    """Return how many films a second of processor time a call that does `count` of them gets through."""
    start, done = time.process_time(), 0
    while (spent := time.process_time() - start) < SECONDS or not done:
        run()
        done += count
    return done / spent


def take_turns(runs: Mapping[str, tuple[Callable[[], object], int]], repeats: int = REPEATS) -> dict[str, float]:
    """Return each run's median rate; after one call each to warm up, they take turns."""
    for run, _ in runs.values():
        run()
    rounds = [{name: rate(*one) for name, one in runs.items()} for _ in range(repeats)]
    return {name: statistics.median(row[name] for row in rounds) for name in runs}


def show(heading: str, rates: Mapping[str, float]) -> None:
    shown = (f"{name} {value:.1f} ({value / rates['eager']:.2f})" for name, value in rates.items())
    print(f"{heading:<32} {'  '.join(shown)}", flush=True)


def compare_networks(name: str, networks: Mapping[str, Network]) -> dict[str, float]:
    """Print all rates; return those of the largest batch."""
    films = np.random.default_rng(0).integers(0, 256, (max(BATCHES), 224, 224), np.uint8)
    for size in BATCHES:
        part = films[:size]
        runs = {key: ((lambda own=own, part=part: own.probabilities(part)), size) for key, own in networks.items()}
        rates = take_turns(runs)
        show(f"{name}, batch of {size}", rates)
    return rates


def first_prediction(model: Path, film: Path, *options: str, once: bool = False) -> tuple[float, float]:
    """Return the least seconds, of processor and of clock, of `fxkit predict MODEL FILM` as a process of its own."""
    command = [sys.executable, "-c", "from fxkit.cli import main; main()", "predict", str(model), str(film), *options]
    times = []
    for _ in range(1 if once else REPEATS):
        before, start = os.times(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        after, end = os.times(), time.perf_counter()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        times.append((spent, end - start))
    return min(spent for spent, _ in times), min(clock for _, clock in times)


def break_even(run_folder: Path, film: Path, torch_s: float, rates: Mapping[str, float]) -> None:
    """Print what making each export costs beside predicting with torch, and how many films make up for it."""
    for form in ("onnx", "openvino"):
        spent, clock = first_prediction(run_folder, film, "--engine", form, once=True)
        shutil.rmtree(run_folder / "exported")
        saved = 1 / rates["torch"] - 1 / rates[form]
        films = f"{(spent - torch_s) / saved:.0f} films" if saved > 0 else "no number of films"
        print(f"export to {form} made first: {spent:.2f} s, by the clock {clock:.2f} s; pays from {films}", flush=True)


def one_at_a_time(network: Network, paths: list[Path]) -> None:
    for path in paths:
        network.probabilities(resize(to_grey8(read_image(path)), network.card.preprocessing)[None])


def compare_files(name: str, networks: Mapping[str, Network], folder: Path) -> None:
    paths = [folder / path for path in image_paths(folder)[:FILES]]
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "eager": (lambda: one_at_a_time(networks["eager"], paths), len(paths))
    }
    for key, own in networks.items():
        runs[f"{key}, batches"] = ((lambda own=own: predict_images(own, paths)), len(paths))
    show(f"{name}, {len(paths)} files", take_turns(runs, repeats=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="?", type=Path)
    parser.add_argument("--backbones", default="mobilenetv2_100,resnet50")
    given = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; films a second of processor (ratio to eager)")
    with tempfile.TemporaryDirectory() as aside:
        film = Path(aside) / "film.png"
        write_image(film, make_film(FilmPlan(1, 1, 0, True), SynthOptions(size_px=1024)).image)
        for name in given.backbones.split(","):
            model = make_model(name)
            files = export_all(model, Path(aside) / name)
            on_processor = torch.device("cpu")
            networks: dict[str, Network] = {
                "eager": Eager(model, on_processor),
                "torch": TorchNetwork(model, on_processor),
            }
            networks |= {form: load_exported(file) for form, file in files.items()}
            rates = compare_networks(name, networks)
            ways = {"run folder": (Path(aside) / name, "--engine", "torch"), **{f: (p,) for f, p in files.items()}}
            first = {way: first_prediction(path, film, *options) for way, (path, *options) in ways.items()}
            for way, (spent, clock) in first.items():
                print(f"{name}, first prediction, {way}: {spent:.2f} s, by the clock {clock:.2f} s", flush=True)
            break_even(Path(aside) / name, film, first["run folder"][0], rates)
            if given.films is not None:
                compare_files(name, networks, given.films)


if __name__ == "__main__":
    main()
