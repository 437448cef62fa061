"""Measure calibration after training with class weights on real hands, and how much of the ECE is chance.

    python benchmarks/hands_calibration.py --shared ../shared [--divisions 12] [--cache FOLDER]

Features of FracAtlas hands from the frozen MobileNetV2 (ImageNet weights). Ten films with consecutive numbers are a
group, because FracAtlas names no patients. Positives are left out until the prevalence is reached. Each division fits a
balanced linear probe to two fifths of the groups, calibrates it, and measures the ECE on two fifths:

- none; temperature: fitted to the validation fifth alone;
- fxkit: temperature and bias of the validation fifth, with priors (Platt scaling);
- Platt: the same without priors;
- out of fold: fxkit's fit to out-of-fold predictions of the training and validation groups, five folds.

"chance" is the mean ECE of perfect probabilities: classes of the test films are drawn from the probabilities of the
fxkit fit. Without the shared films, the script says so and stops.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from accuracy import settings
from accuracy_arms import SplitBackbone, compute_features
from accuracy_films import Film, is_readable
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from fxkit.evaluation.temperature import apply_calibration, calibrated, fit_calibration
from fxkit.metrics.calibration import calibration
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import log_losses
from fxkit.training.probe import fit_head

FILMS = {"fractured": 140, "not_fractured": 560}
TOGETHER = 10  # films in a group
DRAWS = 20  # of classes from the probabilities
ARMS = ("none", "temperature", "fxkit", "Platt", "out of fold")

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]  # features (N, D), labels (N,), groups (N,)


def read_hands(shared: Path, cache: Path) -> Arrays:
    rng, films = np.random.default_rng(0), []
    for label, n in FILMS.items():
        paths = [path for path in sorted((shared / "data/fracatlas_hand" / label).iterdir()) if is_readable(path)]
        chosen = [paths[i] for i in rng.permutation(len(paths))[:n]]
        films += [Film(p, int(label == "fractured"), p.stem, str(int(p.stem[3:]) // TOGETHER)) for p in chosen]
    net = SplitBackbone(shared / "data/weights/mobilenetv2_100_in1k.safetensors").eval()
    features = compute_features(films, settings("probe", "data.image_size=224"), 0, net, cache / "hands224")[1][:, 0]
    return features.astype(float), np.array([f.label for f in films]), np.array([f.patient for f in films])


def divide(rng: np.random.Generator, hands: Arrays, prevalence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen rows, and the fifth of each."""
    _, labels, groups = hands
    negative, positive = np.flatnonzero(labels == 0), rng.permutation(np.flatnonzero(labels == 1))
    rows = np.concatenate([negative, positive[: round(len(negative) * prevalence / (1 - prevalence))]])
    fifth = {name: i % 5 for i, name in enumerate(rng.permutation(np.unique(groups[rows])))}
    return rows, np.array([fifth[name] for name in groups[rows]])


def predict(hands: Arrays, train: np.ndarray, test: np.ndarray) -> Predictions:
    features, labels, groups = hands
    weights, biases = fit_head(features[train], labels[train], penalty=1.0, balanced=True)
    p = softmax(features[test] @ weights.T + biases, axis=1)
    names = tuple(map(str, test))
    return Predictions(("no", "yes"), names, labels[test], p, names, tuple(groups[test]))


def join(parts: list[Predictions]) -> Predictions:
    names = tuple(path for part in parts for path in part.paths)
    labels, p = np.concatenate([q.labels for q in parts]), np.concatenate([q.probabilities for q in parts])
    return Predictions(parts[0].classes, names, labels, p, names, tuple(group for q in parts for group in q.groups))


def fit_plain(films: Predictions, with_bias: bool) -> tuple[float, tuple[float, ...]]:
    """Return temperature and bias with the lowest log loss, without priors."""

    def loss(x: np.ndarray) -> float:
        bias = (-x[1] / 2, x[1] / 2) if with_bias else ()
        return float(log_losses(apply_calibration(films.probabilities, np.exp(x[0]), bias), films.labels).mean())

    best = minimize(loss, [0.0, 0.0], method="Nelder-Mead").x
    return float(np.exp(np.clip(best[0], -3, 3))), (-best[1] / 2, best[1] / 2) if with_bias else ()


def calibrations(hands: Arrays, rows: np.ndarray, fifth: np.ndarray) -> tuple[Predictions, dict[str, tuple]]:
    """Return the plain predictions of the test films, and temperature and bias of each arm."""
    test, val, train = rows[fifth < 2], rows[fifth == 2], rows[fifth > 2]
    share = hands[1][train].mean()
    half = float(np.log(share / (1 - share)) / 2)
    plain = predict(hands, train, val)
    learnt = np.concatenate([val, train])
    fold = np.unique(hands[2][learnt], return_inverse=True)[1] % 5
    held_out = join([predict(hands, learnt[fold != k], learnt[fold == k]) for k in range(5)])
    fits = [fit_calibration(films, (-half, half)) for films in (plain, held_out)]
    fxkit, out_of_fold = ((fit.temperature, fit.bias) for fit in fits)
    found = ((1.0, ()), fit_plain(plain, False), fxkit, fit_plain(plain, True), out_of_fold)
    return predict(hands, train, test), dict(zip(ARMS, found, strict=True))


def measure(hands: Arrays, prevalence: float, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    rows, fifth = divide(rng, hands, prevalence)
    films, fits = calibrations(hands, rows, fifth)
    figures = []
    for fit in fits.values():
        part = calibrated(films, *fit)
        figures += [calibration(part, resamples=2).ece, float(log_losses(part.probabilities, part.labels).mean())]
    part = calibrated(films, *fits["fxkit"])
    p = part.probabilities[:, 1]
    drawn = [replace(part, labels=(rng.random(len(p)) < p).astype(int)) for _ in range(DRAWS)]
    by_chance = np.mean([calibration(perfect, resamples=2).ece for perfect in drawn if perfect.labels.any()])
    error = calibration(part, resamples=2).error.value
    return [*figures, float(by_chance), error, roc_auc_score(films.labels, films.probabilities[:, 1])]


def show(title: str, figure: Callable[[int], str]) -> None:
    print(title, *(f"{arm} {figure(i)}" for i, arm in enumerate(ARMS)), sep="  ", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--divisions", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("/tmp"))
    args = parser.parse_args()
    if not (args.shared / "data/fracatlas_hand").is_dir():
        sys.exit(f"{args.shared}/data/fracatlas_hand: no such folder; nothing is measured")
    hands = read_hands(args.shared, args.cache)
    print("ECE, log loss on the test films; mean over divisions")
    for prevalence in (0.05, 0.1, 0.2):
        rows = np.array([measure(hands, prevalence, args.seed + i) for i in range(args.divisions)])
        mean, error = rows.mean(axis=0), rows.std(axis=0) / len(rows) ** 0.5
        show(f"{prevalence:<5}", lambda i, m=mean, e=error: f"{m[2 * i]:.3f} +- {e[2 * i]:.3f}, {m[2 * i + 1]:.3f}")
        print(f"       chance {mean[-3]:.3f}  error corrected for chance {mean[-2]:.3f}  AUROC {mean[-1]:.2f}")


if __name__ == "__main__":
    main()
