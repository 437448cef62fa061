"""Fit the score of a link between two films (`fxkit/copies/grow.py`) on hard copies, by logistic regression.

    python benchmarks/copy_scores.py /tmp/hard/truth.csv --half odd --same benchmarks/fracatlas_doubles.csv

Every candidate of `--films` films is compared. Prints the weights, and at several scores how many pairs of one film lie
below and how many of two films above, and the likeliest pairs of two films, which are to be looked at.
"""

import random
from pathlib import Path

import click
import numpy as np
from copies import Truth, read_truth, scrambled
from sklearn.linear_model import LogisticRegression

from fxkit.copies.candidates import candidates
from fxkit.copies.find import compare_pairs
from fxkit.copies.grow import LEAST_RANK
from fxkit.copies.store import open_store
from fxkit.data.readings import read_files
from preprocess.images import MAX_PIXELS


def some(truth: Truth, count: int) -> Truth:
    films = sorted(set(truth.films))
    kept = set(random.Random(0).sample(films, min(count, len(films))))
    places = [place for place, film in enumerate(truth.films) if film in kept]
    columns = (truth.paths, truth.films, truth.patients)
    return Truth(*(tuple(column[place] for place in places) for column in columns))  # type: ignore[arg-type]


@click.command()
@click.argument("truth", type=click.Path(path_type=Path, exists=True))
@click.option("--film", default="film", help="Column that copies share.")
@click.option("--same", type=click.Path(path_type=Path), help="CSV of films that are one, first,second.")
@click.option("--half", type=click.Choice(["all", "odd", "even"]), default="odd", help="Films by number.")
@click.option("--films", default=200, help="How many films.")
def main(truth: Path, film: str, same: Path | None, half: str, films: int) -> None:
    known = some(read_truth(truth, film, "", same, half), films)
    with scrambled(known) as folder, open_store(folder / "cache") as store:
        hashes = [reading.sha256 for reading in read_files(store, folder, known.names, MAX_PIXELS, 2)]
        shown = dict(zip(hashes, known.films, strict=True))
        names = sorted(store.known())
        pairs = [(names[a], names[b]) for a, b, _ in candidates(store.descriptors(names), threads=2)]
        evidence = compare_pairs(store, pairs, jobs=2)
    taken = [(pair, seen) for pair, seen in zip(pairs, evidence, strict=True) if seen and seen.rank >= LEAST_RANK]
    alike = np.array([shown[a] == shown[b] for (a, b), _ in taken])
    values = np.array([(np.log(e.points), *np.arctanh(np.clip((e.rank, e.detail), -0.99, 0.99))) for _, e in taken])
    model = LogisticRegression(C=1e4, max_iter=1000).fit(values, alike)
    print("points, rank, detail, offset:", *np.round([*model.coef_[0], model.intercept_[0]], 2))
    found = model.decision_function(values)
    for limit in np.arange(1, 6.5, 0.5):
        print(f"{limit:.1f}: {(found[alike] < limit).mean():.1%} missed, {(found[~alike] >= limit).sum()} of two films")
    for place in np.argsort(np.where(alike, -np.inf, found))[::-1][:15]:
        (a, b), seen = taken[place]
        print(f"{shown[a]} {shown[b]}: {found[place]:.1f}, {seen.points} points, {seen.rank:.2f}, {seen.detail:.2f}")


if __name__ == "__main__":
    main()
