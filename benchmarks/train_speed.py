"""Compare time and validation AUROC of training the head: a usual torchvision loop, timm, and fxkit.

    python benchmarks/train_speed.py ROOT WEIGHTS [--films N] [--views 0,1,2] [--seeds 0] [--threads 1]

The usual loop: five epochs over Image.open().convert("RGB") and torchvision's transforms with two processes, the frozen
MobileNetV2 in evaluation mode, AdamW at fxkit's learning rate, and a pass over the validation films after each epoch.
timm: the same steps with timm's dataset, loader, transforms (as its train script builds them) and optimizer. fxkit: the
same backbone, head, films and epochs with `fxkit train --epochs 5,0`, for each number of cached views (0: new images in
each epoch). WEIGHTS: mobilenetv2_100 as safetensors. Every third film is a validation film. The AUROC is that of the
epoch with the lowest validation loss. Other work on the machine changes the wall time, but hardly the CPU time.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

import torch
from loader import PLAIN, TorchvisionFilms, cpu_s, list_readable
from timm.data import ImageDataset, create_loader
from timm.optim import create_optimizer_v2
from torch.utils.data import DataLoader, Dataset
from torchmetrics.functional.classification import multiclass_auroc
from torchvision import transforms

from fxkit.config import Config, load_config
from fxkit.data.manifest import Record
from fxkit.models.classifier import build_classifier
from fxkit.training.train import train

Loader = Iterable[tuple[torch.Tensor, torch.Tensor]]
CLASSES = ("not_fractured", "fractured")


class _LabelledFilms(Dataset[tuple[torch.Tensor, int]]):
    """Films of a manifest with their labels."""

    def __init__(self, root: Path, records: list[Record], augmented: bool) -> None:
        self.films = TorchvisionFilms([root / r.path for r in records])
        self.labels = [CLASSES.index(r.label) for r in records]
        if not augmented:
            plain = [transforms.Resize((224, 224)), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
            self.films.transform = transforms.Compose(plain)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, int]:
        return self.films[item][0], self.labels[item]


def settings(weights: Path, seed: int, views: int) -> Config:
    texts = [f"model.weights={weights}", "model.backbone=mobilenetv2_100", "model.mean=0.5", "model.std=0.5"]
    texts += ["model.args={pad_type: same, bn_eps: 1e-3}", "optim.epochs=[5, 0]", "optim.class_weights=false"]
    return load_config(None, [*texts, f"optim.cached_views={views}", f"seed={seed}"])


def usual_loader(root: Path, films: list[Record], training: bool) -> Loader:
    return DataLoader(_LabelledFilms(root, films, training), 32, shuffle=training, num_workers=2)


class _ListReader(list[tuple[str, int]]):
    """Paths and classes in the form of a timm reader: open files and classes."""

    def __getitem__(self, item: int) -> tuple[BinaryIO, int]:  # type: ignore[override]
        path, label = super().__getitem__(item)
        return open(path, "rb"), label


def timm_loader(root: Path, films: list[Record], training: bool) -> Loader:
    reader = _ListReader((str(root / r.path), CLASSES.index(r.label)) for r in films)
    return create_loader(
        ImageDataset(str(root), reader=reader),
        (3, 224, 224),
        32,
        is_training=training,
        use_prefetcher=False,
        scale=PLAIN.crop_scale,
        ratio=PLAIN.crop_ratio,
        vflip=PLAIN.vertical_flip,
        color_jitter=PLAIN.brightness,
        interpolation="bilinear",
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        num_workers=2,
        crop_pct=1.0,
        persistent_workers=False,
    )


def train_peer(config: Config, root: Path, records: list[Record], load: Callable[..., Loader], by_timm: bool) -> float:
    """Train the head in a loop over images; return the validation AUROC of the best epoch."""
    torch.manual_seed(config.seed)
    model = build_classifier(config.model, len(CLASSES)).eval()
    model.backbone.requires_grad_(False)
    optimizer = (
        create_optimizer_v2(model.head, "adamw", config.optim.head_lr, config.optim.weight_decay)
        if by_timm
        else torch.optim.AdamW(model.head.parameters(), config.optim.head_lr)
    )
    loaders = {part: load(root, [r for r in records if r.split == part], part == "train") for part in ("train", "val")}
    scores = []
    for _epoch in range(config.optim.epochs[0]):
        model.head.train()
        for images, labels in loaders["train"]:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            outputs = [(model(images), labels) for images, labels in loaders["val"]]
        logits, labels = (torch.cat(part) for part in zip(*outputs, strict=True))
        loss = float(torch.nn.functional.cross_entropy(logits, labels))
        scores.append((loss, float(multiclass_auroc(logits.softmax(1), labels, len(CLASSES)))))
    return min(scores)[1]


def manifest(root: Path, count: int) -> list[Record]:
    paths = [p.relative_to(root) for p in list_readable(root, count)]
    films = [Record(str(p), p.parts[-2], str(p), "train", str(i), 1, 1, "ok", str(p)) for i, p in enumerate(paths)]
    return [replace(film, split="val") if i % 3 == 0 else film for i, film in enumerate(films)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--films", type=int, default=240)
    parser.add_argument("--views", default="0,1,2")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    records = manifest(options.root, options.films)
    print(f"{len(records)} films of {options.root}\n| training | seed | wall s | CPU s | ratio | val AUROC |")
    print("|---|---|---|---|---|---|", flush=True)
    for seed in map(int, options.seeds.split(",")):
        base = 0.0
        for method in ("usual loop", "timm's loop", *map(int, options.views.split(","))):
            views = method if isinstance(method, int) else 0
            config = settings(options.weights, seed, views)
            used, begun = cpu_s(), perf_counter()
            if isinstance(method, str):
                by_timm = method == "timm's loop"
                auroc = train_peer(config, options.root, records, timm_loader if by_timm else usual_loader, by_timm)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    auroc = train(config, options.root, records, Path(folder, "run")).val_auroc
            wall, used = perf_counter() - begun, cpu_s() - used
            base = base or used
            name = method if isinstance(method, str) else f"fxkit, {views} views" if views else "fxkit, images"
            print(f"| {name} | {seed} | {wall:.0f} | {used:.1f} | {base / used:.1f} | {auroc:.3f} |", flush=True)


if __name__ == "__main__":
    main()
