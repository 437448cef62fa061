"""Compare the speed of fxkit's training loader with the usual torchvision loader.

    python benchmarks/loader.py ROOT [--films N] [--repeats N] [--names N] [--full-augmentation] [--detail]

Both loaders produce normalised (32, 3, 224, 224) float32 batches with two processes. torchvision:
Image.open().convert("RGB"), RandomResizedCrop, flips, RandomRotation, ColorJitter, ToTensor, Normalize. fxkit: the same
augmentations at the same strengths, or with --full-augmentation its default list, which has eight more. `cold` decodes
the files; `cached` reads the films that the first epoch cached. Each film is linked under several names (--names), so
that the start of the processes counts less. Copies in the forearm data ("rotated" in the name) are left out.

The loaders alternate, and medians are printed. Other work on the machine changes films per second, but hardly the CPU
time. With --detail the script instead compares the fine detail of crops from cached films with that of crops from whole
films: the ratio of the variances of the Laplacian, averaged over films and three views, for several cache sizes.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from fxkit.config import AugmentConfig, DataConfig
from fxkit.data import film_cache
from fxkit.data.dataset import DatasetOptions, FilmDataset, build_loader
from fxkit.data.film_cache import FilmCache, open_film_cache
from fxkit.data.image_root import ImageRoot
from fxkit.data.manifest import Record
from fxkit.data.preprocessing import Preprocessing
from fxkit.data.transforms import augment, build_augmentation, shrink
from preprocess.errors import ImageError
from preprocess.images import read_grey8, read_image

SIZE = 224
HALF = (0.5, 0.5, 0.5)
PLAIN = AugmentConfig(
    affine_probability=0,
    rotate_probability=1,
    brightness_contrast_probability=1,
    gamma_probability=0,
    clahe_probability=0,
    blur_probability=0,
    noise_probability=0,
    dropout_probability=0,
)


class TorchvisionFilms(Dataset[tuple[torch.Tensor, int]]):
    """The usual torchvision dataset."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(SIZE, scale=PLAIN.crop_scale, ratio=PLAIN.crop_ratio),
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.RandomRotation(PLAIN.rotate_deg),
                transforms.ColorJitter(PLAIN.brightness, PLAIN.contrast),
                transforms.ToTensor(),
                transforms.Normalize(HALF, HALF),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.open(self.paths[item]).convert("RGB")), 0


def fxkit_loader(
    root: Path, paths: list[Path], augmentation: AugmentConfig, cache: FilmCache | None
) -> DataLoader[tuple[torch.Tensor, int]]:
    records = [Record(str(p.relative_to(root)), "a", str(p), "train", "", 1, 1, "ok", str(p)) for p in paths]
    preprocessing = Preprocessing(SIZE, "stretch", HALF, HALF)
    films = FilmDataset(ImageRoot(root, {}), records, ["a"], preprocessing, DatasetOptions(augmentation, cache=cache))
    return build_loader(films, DataConfig(workers=2))


def list_readable(root: Path, count: int) -> list[Path]:
    paths = []
    for path in sorted(root.glob("**/*.jpg")):
        if "rotated" in path.name:
            continue
        try:
            read_image(path)
        except ImageError:
            continue
        paths.append(path)
    step = max(1, len(paths) // count)
    return paths[::step][:count]


def time_epoch(build: Callable[[], DataLoader[tuple[torch.Tensor, int]]]) -> tuple[float, float]:
    """Return the wall time and the CPU time of one epoch, child processes included, in seconds."""
    cpu_before, begun = cpu_s(), time.perf_counter()
    for _images, _labels in build():
        pass
    wall = time.perf_counter() - begun
    return wall, cpu_s() - cpu_before


def cpu_s() -> float:
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def link_films(paths: list[Path], count: int, folder: Path) -> list[Path]:
    """Link each film under `count` names; return the links."""
    links = [folder / f"{i}-{n}.jpg" for n in range(count) for i in range(len(paths))]
    for link, path in zip(links, paths * count, strict=True):
        link.symlink_to(path.resolve())
    return links


def detail_ratio(paths: list[Path], sides: float) -> float:
    """Return the detail of crops from cached films relative to crops from whole films.

    Args:
        sides: shorter side of the cached films, as a multiple of the network's input.
    """
    crops = PLAIN.model_copy(update={"rotate_probability": 0.0, "brightness_contrast_probability": 0.0})
    preprocessing = Preprocessing(SIZE, "stretch", HALF, HALF)
    transform, side_px, ratios = build_augmentation(crops, preprocessing), round(sides * SIZE), []
    for path in paths:
        films = read_grey8(path), shrink(read_grey8(path, at_least_px=side_px), side_px)
        for seed in range(3):
            views = [augment(film, transform, preprocessing, seed).astype(np.float32) for film in films]
            whole, cached = (float(cv2.Laplacian(view, cv2.CV_32F).var()) for view in views)
            ratios.append(cached / whole)
    return statistics.mean(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--films", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--full-augmentation", action="store_true")
    parser.add_argument("--names", type=int, default=4)
    parser.add_argument("--detail", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    film_cache.SETTLED_S = 0.0
    paths = list_readable(options.root, options.films)
    if options.detail:
        print({sides: round(detail_ratio(paths, sides), 2) for sides in (1.5, 2, 3)})
        return
    augmentation = AugmentConfig() if options.full_augmentation else PLAIN
    times: dict[str, list[tuple[float, float]]] = {"torchvision": [], "fxkit, cold": [], "fxkit, cached": []}
    with tempfile.TemporaryDirectory() as folder:
        links = link_films(paths, options.names, Path(folder))
        for repeat in range(options.repeats):
            cache = open_film_cache(Path(folder, "cache", str(repeat)), 10**10, 2)
            builders = (
                lambda: DataLoader(TorchvisionFilms(links), batch_size=32, num_workers=2),
                lambda cache=cache: fxkit_loader(Path(folder), links, augmentation, cache),
            )
            for name, build in zip(times, (*builders, builders[1]), strict=True):
                times[name].append(time_epoch(build))
    base = [statistics.median(column) for column in zip(*times["torchvision"], strict=True)]
    print(f"{len(paths)} films of {options.root} under {options.names} names each, {options.repeats} repeats")
    print("| loader | films/s | ratio | CPU ms per film | ratio |\n|---|---|---|---|---|")
    for name, measured in times.items():
        wall, used = (statistics.median(column) for column in zip(*measured, strict=True))
        print(
            f"| {name} | {len(links) / wall:.0f} | {base[0] / wall:.1f} "
            f"| {1000 * used / len(links):.1f} | {base[1] / used:.1f} |"
        )


if __name__ == "__main__":
    main()
