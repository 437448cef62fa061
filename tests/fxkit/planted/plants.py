"""Ways to plant a problem in made films, labels or results; each returns what the commands say about it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from fxkit.synth.dataset import SynthOptions, synth

from .command import Said, fxkit
from .conftest import SETTINGS, Honest, ablate
from .films import Film, Grey, make_films, write_films, write_markers

Planted = tuple[dict[str, Said], Path]  # command -> what it said, and the run folder

Plant = Callable[[Honest, Path], Planted]

N_SMALL = 24


def train_on(folder: Path, table: Path, *index_options: object, train_options: Sequence[object] = ()) -> Planted:
    """Index, train, evaluate and audit the films of a table."""
    manifest, run = folder / "manifest.csv", folder / "runs" / "run"
    films = ("--manifest", manifest, "--root", table.parent)
    said = {"index": fxkit("index", table, "--out", manifest, *index_options)}
    said["train"] = fxkit("train", *films, *SETTINGS, "--runs", run.parent, "--name", "run", *train_options)
    said["evaluate"] = fxkit("evaluate", run)
    said["audit"] = fxkit("audit", run, "--data-card", folder / "data.json")
    return said, run


def leak(copy: Callable[[Grey], Grey], patient: str) -> Plant:
    """Show eight training films in the test part, changed by `copy`, under other names.

    The films are those of `fxkit synth`, because the copy search needs films with details.

    Args:
        patient: patient of the copies, with {} for the number of the film that is copied.
    """

    def plant(_: Honest, folder: Path) -> Planted:
        made = synth(folder / "films", SynthOptions(films=16, size_px=160))
        paths = sorted(path.relative_to(made.root) for path in made.root.glob("*/*.png"))
        ordered = [path for pair in zip(paths[:8], paths[8:], strict=True) for path in pair]
        rows = [(path, f"P{i:02d}", "train" if i < 12 else "val") for i, path in enumerate(ordered)]
        for i, path in enumerate(ordered[:8]):
            image = cv2.imread(str(made.root / path), cv2.IMREAD_GRAYSCALE)
            target = path.parent / f"scan-{chr(97 + i)}.png"
            cv2.imwrite(str(made.root / target), copy(np.asarray(image, np.uint8)))
            rows.append((target, patient.format(i), "test"))
        table = made.root / "films.csv"
        lines = [f"{path.as_posix()},{path.parent.name},{name},{split}" for path, name, split in rows]
        table.write_text("\n".join(["path,label,patient,split", *lines]) + "\n")
        said, run = train_on(folder, table, "--keep-split", train_options=("--allow-leaks",))
        films_of = ("--manifest", folder / "manifest.csv", "--root", table.parent)
        said["refused"] = fxkit("train", *films_of, *SETTINGS, "--runs", folder / "others", "--name", "run")
        said["ablate"] = fxkit("ablate", "masked-vs-raw", *films_of, *SETTINGS, "--folds", "0", "--out", folder / "a")
        return said, run

    return plant


def other_view(image: Grey) -> Grey:
    """Return a film that resembles no other."""
    noise = np.random.default_rng(int(image.sum())).integers(0, 255, image.shape).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)


def resave(image: Grey) -> Grey:
    """Return the pixels after a JPEG of quality 80 at 90 % of the size."""
    small = cv2.resize(image, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def turn(image: Grey) -> Grey:
    """Return the film turned by 90 degrees."""
    return np.ascontiguousarray(np.rot90(image))


def without_patients(_: Honest, folder: Path) -> Planted:
    return train_on(folder, write_films(folder / "films", make_films(N_SMALL), ()), "--no-copies")


def site_by_class(_: Honest, folder: Path) -> Planted:
    """Take all films of each class from a site of its own."""
    films = [replace(film, site="east" if film.label == "fractured" else "west") for film in make_films(N_SMALL)]
    return train_on(folder, write_films(folder / "films", films, ("patient", "site")), "--no-copies")


def one_class(honest: Honest, folder: Path) -> Planted:
    films = [film for film in make_films(N_SMALL, first=900) if film.label == "fractured"]
    table = write_films(folder / "films", films)
    run = honest.copy_run(folder)
    said = {"index": fxkit("index", table, "--no-copies", "--out", folder / "m.csv")}
    said["train"] = fxkit("train", "--data", table, *SETTINGS, "--runs", folder, "--name", "none")
    said["evaluate"] = fxkit("evaluate", run, "--data", table, "--name", "one-class")
    said["ablate"] = fxkit("ablate", "masked-vs-raw", "--data", table, *SETTINGS, "--out", folder / "a")
    said["audit"] = fxkit("audit", run)
    return said, run


def clean_some(listed: Callable[[Film], bool], change: Callable[[Film], Film] = lambda film: film) -> Plant:
    """Erase only the markers of the listed films before the ablation."""

    def plant(_: Honest, folder: Path) -> Planted:
        films = [change(film) for film in make_films(N_SMALL)]
        table = write_films(folder / "films", films)
        markers = write_markers(folder / "markers.json", films, listed)
        fxkit("clean-labels", table, "--markers", markers, "--out", folder / "clean")
        known = ("--markers", write_markers(folder / "all.json", films))
        said, run = train_on(folder, table, "--no-copies", *known)
        said["ablate"] = ablate(folder / "manifest.csv", table.parent, folder / "clean", run)
        said["audit"] = fxkit("audit", run, "--data-card", folder / "data.json")
        return said, run

    return plant


def letter_of_class(film: Film) -> Film:
    """Let the letter tell the class, and nothing else."""
    return replace(film, letter="L" if film.label == "fractured" else "R", contrast=0)


def other_size(honest: Honest, folder: Path) -> Planted:
    """Take the ablation from another image size than the run's."""
    run, cleaned = honest.copy_run(folder), honest.root.parent / "clean"
    said = {"ablate": ablate(honest.manifest, honest.root, cleaned, folder / "a", "--set", "data.image_size=32")}
    said["audit"] = fxkit("audit", run, "--data-card", honest.card, "--ablation", folder / "a")
    return said, run


def other_card(honest: Honest, folder: Path) -> Planted:
    """Give the audit the data card of other films that have the same names."""
    others = [replace(film, contrast=5) for film in honest.films]
    table = write_films(folder / "films", others)
    said = {"index": fxkit("index", table, "--no-copies", "--out", folder / "m.csv")}
    run = honest.copy_run(folder)
    said["audit"] = fxkit("audit", run, "--data-card", folder / "data.json")
    return said, run


def edit(change: Callable[[Path], None]) -> Plant:
    """Change a file of the run after the evaluation."""

    def plant(honest: Honest, folder: Path) -> Planted:
        run = honest.copy_run(folder)
        change(run)
        return {"audit": fxkit("audit", run, "--data-card", honest.card)}, run

    return plant


def swap_labels(run: Path) -> None:
    """Give the films in predictions.csv the labels that were predicted."""
    rows = [line.split(",") for line in (run / "predictions.csv").read_text().splitlines()]
    rows = [[row[0], row[4], *row[2:]] if number else row for number, row in enumerate(rows)]
    (run / "predictions.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")


def swap_weights(run: Path) -> None:
    weights = bytearray((run / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (run / "model.safetensors").write_bytes(bytes(weights))


def raise_score(run: Path) -> None:
    values = json.loads((run / "metrics.json").read_text())
    values["film"]["figures"]["auroc"] |= {"value": 0.62, "low": 0.6, "high": 0.64}
    (run / "metrics.json").write_text(json.dumps(values))


def training_films_again(_: Honest, folder: Path) -> Planted:
    """Save the training films again, under other names, and call them other data."""
    made = synth(folder / "films", SynthOptions(films=16, size_px=160))
    paths = sorted(path.relative_to(made.root) for path in made.root.glob("*/*.png"))
    ordered = [path for pair in zip(paths[:8], paths[8:], strict=True) for path in pair]
    parts = ["train"] * 8 + ["val"] * 4 + ["test"] * 4
    lines = [f"{path.as_posix()},{path.parent.name},{part}" for path, part in zip(ordered, parts, strict=True)]
    table = made.root / "films.csv"
    table.write_text("\n".join(["path,label,split", *lines]) + "\n")
    said, run = train_on(folder, table, "--keep-split", train_options=("--allow-leaks",))
    for i, path in enumerate(ordered[:8]):
        target = folder / "others" / path.parent / f"scan-{chr(97 + i)}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        image = cv2.imread(str(made.root / path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(target), resave(np.asarray(image, np.uint8)))
    said["refused"] = fxkit("evaluate", run, "--data", folder / "others")
    said["evaluate"] = fxkit("evaluate", run, "--data", folder / "others", "--allow-leaks")
    said["audit"] = fxkit("audit", run)
    return said, run
