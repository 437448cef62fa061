"""Measure how well `fxkit label-errors` finds flipped labels, beside cleanlab on the same files.

    python benchmarks/label_errors.py WEIGHTS CACHE [--hand HAND] [--peer PYTHON]

Films are made by `fxkit synth` (obvious, all and rare fractures); HAND adds hands of FracAtlas. Labels are flipped, and
a linear probe on frozen features predicts each film out of fold, in five folds by group. All intervals resample
groups; each film counts with all its repetitions. PYTHON is an interpreter with cleanlab, which is no dependency of
fxkit.
"""

import argparse
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accuracy import FOLDS, settings
from accuracy_arms import SplitBackbone
from accuracy_films import Film, hands, read_film
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from fxkit.data.preprocessing import resize
from fxkit.data.transforms import to_tensor
from fxkit.metrics.group_means import measure_mean, share_limits
from fxkit.metrics.intervals import Interval
from fxkit.metrics.label_errors import score_labels
from fxkit.models.backbones import build_preprocessing
from fxkit.synth.dataset import SynthOptions, synth
from fxkit.training.probe import fit_logistic
from preprocess.tables.read import read_table

RATES = (0.05, 0.1, 0.2)
REPETITIONS = 10
PENALTY = 1.0  # as in the preset `probe`

PEER = """
import sys
import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
for file in sys.argv[1:]:
    data = np.load(file)
    y, p = data["y"], data["p"]
    issues = find_label_issues(y, p, return_indices_ranked_by="self_confidence")
    scores = get_label_quality_scores(y, p, method="self_confidence")
    rest = [i for i in np.argsort(scores, kind="stable") if i not in set(issues)]
    np.savez(file.replace(".npz", ".peer.npz"), order=np.array([*issues, *rest], int), n=len(issues))
"""


@dataclass(frozen=True)
class Ranking:
    """Films in the order of suspicion; the first `n` are suspected."""

    order: np.ndarray
    n: int


def confident(y: np.ndarray, p: np.ndarray) -> Ranking:
    """Rank as `fxkit label-errors` does, the suspected films first."""
    scores = score_labels(y, p)
    return Ranking(np.lexsort((scores.scores, ~scores.suspected)), int(scores.suspected.sum()))


def corrected(y: np.ndarray, p: np.ndarray) -> Ranking:
    """Rank by the margin of the probabilities minus the thresholds of their classes."""
    scores, rows = score_labels(y, p), np.arange(len(y))
    margins = p - scores.thresholds
    order = np.argsort(margins[rows, y] - margins[rows, 1 - y], kind="stable")
    return Ranking(order, int(scores.suspected.sum()))


Rank = Callable[[np.ndarray, np.ndarray], Ranking]

ARMS: dict[str, Rank] = {"fxkit label-errors": confident, "corrected by thresholds": corrected}


def wrong_share(y: np.ndarray, p: np.ndarray) -> float:
    """Estimate the share of wrong labels by the confident joint."""
    return 1 - float(np.trace(score_labels(y, p).joint)) / len(y)


def made_films(folder: Path, min_severity: float, fractured: float = 0.5) -> list[Film]:
    if not (folder / "truth.csv").is_file():
        synth(folder, SynthOptions(600, size_px=256, seed=7, min_severity=min_severity, fractured_fraction=fractured))
    rows = [row.values for row in read_table(folder / "truth.csv", "").rows]
    return [Film(folder / r["path"], int(r["label"] == "fractured"), r["film"], r["patient"]) for r in rows]


@torch.inference_mode()
def features(films: list[Film], net: SplitBackbone, file: Path) -> np.ndarray:
    """Return the (N, 1280) pooled features of the frozen backbone."""
    if not file.is_file():
        config = settings("probe", "data.resize=pad")
        preprocessing = build_preprocessing(config.model, config.data)
        images = (to_tensor(resize(read_film(film.path), preprocessing), preprocessing) for film in films)
        np.save(file, np.concatenate([net.tail(net.low(image[None])).numpy() for image in images]))
    return np.load(file)


def predict(x: np.ndarray, y: np.ndarray, groups: list[str], seed: int) -> np.ndarray:
    """Return (N, 2) probabilities, each by a probe that did not train on the film or its group."""
    p = np.zeros((len(y), 2))
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(y, y, groups):
        p[test] = fit_logistic(x[train], y[train], c=1 / (PENALTY * len(train)), balanced=True).predict_proba(x[test])
    return p


def ratio(above: np.ndarray, below: np.ndarray, groups: list[str]) -> Interval:
    """Return sum(above) / sum(below) over groups; the limits are those of a share."""
    used = below > 0
    return share_limits(measure_mean(above[used], below[used], np.array(groups)[used]))


def measure(name: str, films: list[Film], x: np.ndarray, cache: Path, peer: str | None) -> None:
    """Print a row for each rate and arm."""
    truth, groups = np.array([film.label for film in films]), [film.patient for film in films]
    auroc = roc_auc_score(truth, predict(x, truth, groups, 0)[:, 1])
    print(f"\n{name}: {len(films)} films of {len(set(groups))} groups, AUROC {auroc:.2f} with the true labels\n")
    print("| flipped | ranking | precision at k | suspected | precision of these | recall of these |")
    print("|---|---|---|---|---|---|")
    shares: list[tuple[float, list[float]]] = []
    for rate in RATES:
        draws = []
        for seed in range(REPETITIONS):
            rng = np.random.default_rng([seed, int(100 * rate)])
            flipped = np.zeros(len(truth), bool)
            flipped[rng.permutation(len(truth))[: round(rate * len(truth))]] = True
            y = np.where(flipped, 1 - truth, truth)
            p = predict(x, y, groups, seed)
            file = cache / f"{name.replace(' ', '-')}-{rate}-{seed}.npz"
            np.savez(file, y=y, p=p)
            draws.append((flipped, y, p, file))
        rankings = {arm: [rank(y, p) for _, y, p, _ in draws] for arm, rank in ARMS.items()}
        if peer:
            subprocess.run([peer, "-c", PEER, *(str(file) for *_, file in draws)], check=True)
            loaded = [np.load(str(file).replace(".npz", ".peer.npz")) for *_, file in draws]
            rankings["cleanlab"] = [Ranking(data["order"], int(data["n"])) for data in loaded]
        for arm, ranks in rankings.items():
            print(row(rate, arm, [flipped for flipped, *_ in draws], ranks, groups), flush=True)
        shares.append((rate, [wrong_share(y, p) for _, y, p, _ in draws]))
    for rate, values in shares:
        print(
            f"Estimated share of wrong labels with {rate:.0%} flipped: mean {np.mean(values):.1%}, "
            f"{min(values):.1%} to {max(values):.1%}"
        )


def row(rate: float, arm: str, flipped: list[np.ndarray], rankings: list[Ranking], groups: list[str]) -> str:
    """Return the figures of one ranking over all repetitions as a row of the table."""
    n = len(groups)
    at_k, suspected = np.zeros((2, len(rankings), n))
    for i, (wrong, ranking) in enumerate(zip(flipped, rankings, strict=True)):
        at_k[i, ranking.order[: int(wrong.sum())]] = 1
        suspected[i, ranking.order[: ranking.n]] = 1
    wrong = np.array(flipped, float)
    figures = (
        ratio((at_k * wrong).sum(0), at_k.sum(0), groups),
        ratio((suspected * wrong).sum(0), suspected.sum(0), groups),
        ratio((suspected * wrong).sum(0), wrong.sum(0), groups),
    )
    at, precision, recall = (figure.text for figure in figures)
    return f"| {rate:.0%} | {arm} | {at} | {suspected.sum() / len(rankings) / n:.0%} | {precision} | {recall} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--hand", type=Path)
    parser.add_argument("--peer")
    a = parser.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    net = SplitBackbone(a.weights).eval()
    sets = [
        ("obvious fractures", made_films(a.cache / "obvious", 0.6)),
        ("all fractures", made_films(a.cache / "all", 0.0)),
        ("obvious fractures, one in eight", made_films(a.cache / "rare", 0.6, 0.125)),
    ]
    if a.hand:
        sets.append(("hands of FracAtlas", hands(a.hand, a.cache)))
    for name, films in sets:
        measure(name, films, features(films, net, a.cache / f"{name.replace(' ', '-')}.npy"), a.cache, a.peer)


if __name__ == "__main__":
    main()
