"""Two classifiers that look for traces of inpainting: tree ensembles on texture, and a small network."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold
from torch import nn

SIDE = 64
FOLDS = 4
EPOCHS = 14


@dataclass(frozen=True)
class Sample:
    """The classifiers' input for one place: texture features, and (5, SIDE, SIDE) pictures."""

    texture: np.ndarray
    pictures: np.ndarray


def make_sample(image: np.ndarray, mask: np.ndarray) -> Sample:
    """Compute the classifiers' input for the masked place of an (H, W) uint8 image."""
    rows, columns = np.nonzero(mask)
    reach = max(10, max(np.ptp(rows), np.ptp(columns)) // 2)
    window = (
        slice(max(rows.min() - reach, 0), rows.max() + reach + 1),
        slice(max(columns.min() - reach, 0), columns.max() + reach + 1),
    )
    place = (rows.mean() / mask.shape[0], columns.mean() / mask.shape[1])
    near, hole = image[window].astype(np.float32), mask[window]
    here = (rows.mean() - window[0].start, columns.mean() - window[1].start)
    return Sample(np.array([*place, *texture(near, hole)], np.float32), pictures(near, hole, here, place))


def texture(near: np.ndarray, hole: np.ndarray) -> list[float]:
    """Return statistics of fine detail inside the mask, around it and along its edge, and their differences."""
    inside = cv2.erode(hole.astype(np.uint8), np.ones((3, 3)), iterations=2, borderValue=1) > 0
    inside = inside if inside.any() else hole
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3)), iterations=2) > 0
    outside = ~wide if (~wide).any() else ~hole
    seam_in, seam_out = hole & ~inside, wide & ~hole
    regions = [region if region.any() else hole for region in (inside, outside, seam_in, seam_out)]
    values: list[float] = [np.log(hole.sum()), float(near[outside].mean()), float(near[outside].std())]
    table = np.array([detail_statistics(near, region) for region in regions])
    values += list(table.ravel()) + list(table[0] - table[1]) + list(table[2] - table[0]) + list(table[3] - table[1])
    edge = cv2.morphologyEx(hole.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    gradient = np.hypot(cv2.Sobel(near, cv2.CV_32F, 1, 0), cv2.Sobel(near, cv2.CV_32F, 0, 1))
    for q in (50, 90, 99):
        at = [np.percentile(gradient[region], q) for region in (edge, inside, outside)]
        values += [at[0], np.log((at[0] + 0.5) / (at[1] + 0.5)), np.log((at[0] + 0.5) / (at[2] + 0.5))]
    return [*values, *seam_steps(near, hole)]


def detail_statistics(near: np.ndarray, region: np.ndarray) -> list[float]:
    values = [float(near[region].mean()), float(near[region].std())]
    last = near
    for sigma in (0.7, 1.4, 2.8, 5.6):
        smooth = cv2.GaussianBlur(near, (0, 0), sigma)
        band = (last - smooth)[region]
        spread = float(band.std())
        values += [np.log(spread + 0.02), float((band**4).mean() / (spread**4 + 1e-4)), float(np.abs(band).mean())]
        last = smooth
    fine = near - cv2.GaussianBlur(near, (0, 0), 1.4)
    power = float((fine[region] ** 2).mean()) + 1e-3
    for shift in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 4), (4, 0)):
        values.append(float((fine * np.roll(fine, shift, (0, 1)))[region].mean()) / power)
    for axis in (0, 1):
        step = np.abs(np.diff(near, axis=axis, append=near.take([-1], axis)))
        values += [float((step[region] == 0).mean()), float((step[region] == 1).mean()), float(step[region].mean())]
    median = cv2.medianBlur(near, 3)
    return [*values, float((near != median)[region].mean()), float(np.abs(near - median)[region].mean())]


def seam_steps(near: np.ndarray, hole: np.ndarray) -> list[float]:
    """Compare pixel differences across the mask's edge with those inside and outside."""
    values = []
    for axis in (0, 1):
        step = np.diff(near, axis=axis)
        first, second = hole.take(range(near.shape[axis] - 1), axis), hole.take(range(1, near.shape[axis]), axis)
        groups = [np.abs(step[pair]) for pair in (first ^ second, first & second, ~first & ~second)]
        at = [float(group.mean()) if len(group) else 0.0 for group in groups]
        values += [at[0], np.log((at[0] + 0.2) / (at[1] + 0.2)), np.log((at[0] + 0.2) / (at[2] + 0.2))]
    return values


def pictures(near: np.ndarray, hole: np.ndarray, here: tuple[float, float], place: tuple[float, float]) -> np.ndarray:
    """Return the centre at full size and the reduced whole, each plain and high-pass filtered, and the mask."""
    around = near[~hole] if (~hole).any() else near
    fine = near - cv2.GaussianBlur(near, (0, 0), 1.5)
    plain = (near - around.mean()) / (around.std() + 2)
    sharp = fine / (fine[~hole].std() + 0.3 if (~hole).any() else 1.0)
    whole = [cv2.resize(a, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for a in (plain, sharp, hole.astype(np.float32))]
    half = SIDE // 2
    y, x = round(here[0]) + half, round(here[1]) + half
    cut = [np.pad(a, half, mode="reflect" if min(a.shape) > half else "edge") for a in (plain, sharp)]
    middle = [a[y - half : y + half, x - half : x + half] for a in cut]
    return np.clip(np.stack([*middle, *whole]), -8, 8).astype(np.float16)


def scores(before: list[Sample], after: list[Sample], groups: list[str], trees_only: bool = False) -> list[np.ndarray]:
    """Return cross-validated scores for being filled, by trees and by the network; untouched places come first."""
    everything, truth = [*before, *after], np.repeat([0, 1], len(before))
    features = np.nan_to_num(np.array([s.texture for s in everything]), posinf=0, neginf=0)
    images = torch.from_numpy(np.array([s.pictures for s in everything])).float()
    trees, network = np.zeros(len(truth)), np.zeros(len(truth))
    for learn, test in GroupKFold(FOLDS, shuffle=True, random_state=0).split(features, truth, groups * 2):
        for model in (
            ExtraTreesClassifier(400, min_samples_leaf=3, max_features=0.3, random_state=0, n_jobs=2),
            HistGradientBoostingClassifier(learning_rate=0.05, max_iter=200, l2_regularization=1.0, random_state=0),
        ):
            trees[test] += model.fit(features[learn], truth[learn]).predict_proba(features[test])[:, 1]
        if not trees_only:
            network[test] = fit_network(images[learn], truth[learn], images[test])
    return [trees] if trees_only else [trees, network]


class Network(nn.Module):
    """Two convolutional towers, for the centre and for the whole; each is pooled by mean and by maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.middle, self.whole = tower(2), tower(3)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(128, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        towers = [self.middle(images[:, :2]), self.whole(images[:, 2:])]
        pooled = [part for t in towers for part in (t.mean((2, 3)), t.amax((2, 3)))]
        return self.head(torch.cat(pooled, 1))[:, 0]


def tower(channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for wide in (12, 20, 32):
        layers += [nn.Conv2d(channels, wide, 3, 1 if channels < 4 else 2, 1), nn.BatchNorm2d(wide), nn.ReLU()]
        channels = wide
    return nn.Sequential(*layers)


def fit_network(images: torch.Tensor, truth: np.ndarray, test_images: torch.Tensor) -> np.ndarray:
    torch.manual_seed(0)
    network, target = Network(), torch.from_numpy(truth).float()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-2)
    steps = EPOCHS * -(-len(target) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(target)).split(64):
            part = flip_randomly(images[batch])
            loss = nn.functional.binary_cross_entropy_with_logits(network(part), target[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(part) for part in test_images.split(256)]).numpy()


def flip_randomly(images: torch.Tensor) -> torch.Tensor:
    for axis in (2, 3):
        images = images.flip(axis) if torch.rand(()) < 0.5 else images
    return images.transpose(2, 3) if torch.rand(()) < 0.5 else images
