"""The arms that `accuracy.py` compares: the published recipe, fxkit's default preset, and the linear probe.

The frozen part of the backbone gives the same features for the same view. So each view of the recipe (one per epoch)
passes it only once, and all arms start from these features.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accuracy_films import Film, read_film
from torch import nn

from fxkit.config import Config
from fxkit.data.preprocessing import resize
from fxkit.data.seeds import mix_seed
from fxkit.data.transforms import augment, build_augmentation, to_tensor
from fxkit.models.backbones import build_backbone, build_preprocessing
from fxkit.models.classifier import build_head
from fxkit.training.probe import fit_head

Features = tuple[np.ndarray, np.ndarray]  # see compute_features


class SplitBackbone(nn.Module):
    """The backbone in two parts: up to the stage that the recipe fine-tunes (`low`), and from it onwards (`tail`)."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        args = {"pad_type": "same", "bn_eps": 1e-3}
        net: Any = build_backbone("mobilenetv2_100", weights=weights, args=args)
        self.low = nn.Sequential(net.conv_stem, net.bn1, *net.blocks[:3])
        self.tail = nn.Sequential(*net.blocks[3:], net.conv_head, net.bn2, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def compute_features(films: list[Film], config: Config, views: int, net: SplitBackbone, cache: Path) -> Features:
    """Return the outputs of the frozen part and of the whole backbone for each film and its augmented views.

    View 0 is the unaugmented film. With 0 augmented views, only a corner of the frozen part's output is kept.

    Returns: (N, 1 + views, C, S / 8, S / 8) float16 and (N, 1 + views, D) float32.
    """
    files = cache.with_suffix(".low.npy"), cache.with_suffix(".feat.npy")
    if not files[1].is_file():
        preprocessing = build_preprocessing(config.model, config.data)
        transform = build_augmentation(config.augment, preprocessing)
        low, last = [], []
        net.eval()
        for i, film in enumerate(films):
            image = read_film(film.path)
            images = [resize(image, preprocessing)]
            images += [augment(image, transform, preprocessing, mix_seed(0, v, i)) for v in range(1, views + 1)]
            with torch.inference_mode():
                inner = net.low(torch.stack([to_tensor(view, preprocessing) for view in images]))
                low.append(inner.half().numpy() if views else inner[:, :1, :1, :1].half().numpy())
                last.append(net.tail(inner).numpy())
        np.save(files[0], np.stack(low))
        np.save(files[1], np.stack(last))
    return np.load(files[0], mmap_mode="r"), np.load(files[1])


def train_two_phases(
    config: Config, features: Features, labels: np.ndarray, parts: tuple, net: SplitBackbone, seed: int
) -> Callable:
    """Train both phases on the rows (train, val) and keep the best epoch; return (low, rows) -> p(fractured)."""
    low, last = features
    train, val = parts
    optim, model = config.optim, config.model
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head, tail = build_head(last.shape[-1], 2, model.hidden, model.dropout), copy.deepcopy(net.tail)
    tail.to(memory_format=torch.channels_last)
    shares = np.bincount(labels[train], minlength=2) / len(train)
    balanced = torch.tensor(1 / (2 * shares), dtype=torch.float32) if optim.class_weights else None
    criterion, truth = nn.CrossEntropyLoss(balanced), torch.tensor(labels)
    steps = -(-len(train) // config.data.batch_size)

    def inner(rows: np.ndarray, view: int, low: np.ndarray = low) -> torch.Tensor:
        return torch.from_numpy(np.asarray(low[rows, view], np.float32)).to(memory_format=torch.channels_last)

    def phase(
        groups: list[dict],
        epochs: int,
        first_view: int,
        train_features: Callable,
        val_features: Callable,
        parts: list[nn.Module],
    ) -> None:
        optimizer = torch.optim.AdamW(groups, weight_decay=optim.weight_decay)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
        best, kept, since = np.inf, [copy.deepcopy(p.state_dict()) for p in parts], 0
        for epoch in range(epochs):
            for part in parts:
                part.train()
            for rows in np.array_split(rng.permutation(train), steps):
                loss = criterion(head(train_features(np.sort(rows), first_view + epoch)), truth[np.sort(rows)])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                cosine.step()
            for part in parts:
                part.eval()
            with torch.no_grad():
                val_loss = float(criterion(head(val_features(val)), truth[val]))
            since = 0 if val_loss < best else since + 1
            if val_loss < best:
                best, kept = val_loss, [copy.deepcopy(p.state_dict()) for p in parts]
            if since >= optim.patience:
                break
        for part, state in zip(parts, kept, strict=True):
            part.load_state_dict(state)

    def tail_features(rows: np.ndarray) -> torch.Tensor:
        return torch.cat([tail(inner(some, 0)) for some in np.array_split(rows, 4)])

    frozen = [{"params": head.parameters(), "lr": optim.head_lr}]
    phase(frozen, optim.epochs[0], 1, lambda r, v: torch.tensor(last[r, v]), lambda r: torch.tensor(last[r, 0]), [head])
    both = [
        {"params": head.parameters(), "lr": optim.finetune_head_lr},
        {"params": tail.parameters(), "lr": optim.finetune_backbone_lr},
    ]
    first = 1 + optim.epochs[0]
    phase(both, optim.epochs[1], first, lambda r, v: tail(inner(r, v)), tail_features, [head, tail])

    @torch.no_grad()
    def predict(other: np.ndarray, rows: np.ndarray) -> np.ndarray:
        parts = [head.eval()(tail.eval()(inner(some, 0, other))) for some in np.array_split(rows, 8)]
        return torch.cat(parts).softmax(1)[:, 1].numpy()

    return predict


def probe(config: Config, last: np.ndarray, labels: np.ndarray, train: np.ndarray) -> Callable:
    """Fit a linear head to the unaugmented films; return (features, rows) -> p(fractured)."""
    weights, biases = fit_head(last[train, 0], labels[train], penalty=config.optim.probe_penalty, balanced=True)
    margin = (weights[1] - weights[0], biases[1] - biases[0])
    return lambda other, rows: 1 / (1 + np.exp(-(other[rows, 0] @ margin[0] + margin[1])))
