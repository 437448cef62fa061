"""Measure calibration after training with class weights, on drawn scores of known distribution.

python benchmarks/class_weights.py [--repeats 20]

Each row fits temperature and bias to validation films as of a network that takes both classes for equally frequent and
is too sure by the given factor, and measures 20,000 other films.
"""

import argparse

import numpy as np

from fxkit.evaluation.temperature import calibrated, fit_calibration
from fxkit.metrics.calibration import calibration
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import log_losses


def draw(prevalence: float, n: int, seed: int, factor: float) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) < max(3, round(prevalence * n))).astype(int)
    log_odds = factor * (1.5 * (rng.normal(size=n) + 1.5 * labels) - 1.5**2 / 2)
    p, names = 1 / (1 + np.exp(-log_odds)), tuple(map(str, range(n)))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - p, p], 1), names, names)


def measure(films: Predictions) -> tuple[float, float]:
    ece = calibration(films, resamples=2).ece
    return ece, float(log_losses(films.probabilities, films.labels).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    print("| prevalence | too sure by | groups | ECE, log loss before | after |\n|---|---|---|---|---|")
    for prevalence in (0.05, 0.1, 0.3):
        half = np.log(prevalence / (1 - prevalence)) / 2
        for factor in (1.0, 2.5):
            test = draw(prevalence, 20_000, 10_000, factor)
            before = "{:.3f}, {:.3f}".format(*measure(test))
            for n in (60, 150, 600):
                fits = [fit_calibration(draw(prevalence, n, seed, factor), (-half, half)) for seed in range(repeats)]
                after = np.mean([measure(calibrated(test, fit.temperature, fit.bias)) for fit in fits], axis=0)
                print(f"| {prevalence} | {factor} | {n} | {before} | {after[0]:.3f}, {after[1]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
