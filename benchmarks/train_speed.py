"""Time and validation AUROC of the first phase: the usual loop over torchvision's loader, and timm's, against fxkit's.

    python benchmarks/train_speed.py ROOT WEIGHTS [--films N] [--views 0,1,2] [--seeds 0] [--threads 1]

The usual loop: five epochs over Image.open().convert("RGB") and torchvision's transforms by two processes, the frozen
MobileNetV2 in evaluation, AdamW at fxkit's head rate, a pass over the validation films after each. timm: the same steps
over timm's own dataset, loader and transforms (as its train script builds them) and its optimizer. fxkit: the same
backbone, head, films and epochs by `fxkit train` with --epochs 5,0, for each number of cached views (0: images
anew each epoch). Weights: mobilenetv2_100 as safetensors. Every third film validates. AUROC is that of the epoch
of least validation loss. Processor time holds on a machine that does other work, wall time does not.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

import torch
from loader import PLAIN, TorchvisionFilms, processor_s, readable
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


class _Labelled(Dataset[tuple[torch.Tensor, int]]):
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
    return DataLoader(_Labelled(root, films, training), 32, shuffle=training, num_workers=2)


class _Listed(list[tuple[str, int]]):
    """Paths and classes as a timm reader gives them: open files and classes."""

    def __getitem__(self, item: int) -> tuple[BinaryIO, int]:  # type: ignore[override]
        path, label = super().__getitem__(item)
        return open(path, "rb"), label


def timm_loader(root: Path, films: list[Record], training: bool) -> Loader:
    listed = _Listed((str(root / r.path), CLASSES.index(r.label)) for r in films)
    return create_loader(
        ImageDataset(str(root), reader=listed),
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


def peer(config: Config, root: Path, records: list[Record], load: Callable[..., Loader], by_timm: bool) -> float:
    """Train the head in a loop over images; return the validation AUROC."""
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
            found = [(model(images), labels) for images, labels in loaders["val"]]
        logits, labels = (torch.cat(part) for part in zip(*found, strict=True))
        loss = float(torch.nn.functional.cross_entropy(logits, labels))
        scores.append((loss, float(multiclass_auroc(logits.softmax(1), labels, len(CLASSES)))))
    return min(scores)[1]


def manifest(root: Path, count: int) -> list[Record]:
    paths = [p.relative_to(root) for p in readable(root, count)]
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
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    records = manifest(given.root, given.films)
    print(f"{len(records)} films of {given.root}\n| phase 1 | seed | wall s | processor s | ratio | val AUROC |")
    print("|---|---|---|---|---|---|", flush=True)
    for seed in map(int, given.seeds.split(",")):
        base = 0.0
        for way in ("usual loop", "timm's loop", *map(int, given.views.split(","))):
            views = way if isinstance(way, int) else 0
            config = settings(given.weights, seed, views)
            used, begun = processor_s(), perf_counter()
            if isinstance(way, str):
                by_timm = way == "timm's loop"
                auroc = peer(config, given.root, records, timm_loader if by_timm else usual_loader, by_timm)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    auroc = train(config, given.root, records, Path(folder, "run")).val_auroc
            wall, used = perf_counter() - begun, processor_s() - used
            base = base or used
            name = way if isinstance(way, str) else f"fxkit, {views} views" if views else "fxkit, images"
            print(f"| {name} | {seed} | {wall:.0f} | {used:.1f} | {base / used:.1f} | {auroc:.3f} |", flush=True)


if __name__ == "__main__":
    main()
