"""Every kind of film file, whole, odd and damaged, through index, clean-labels, predict and train.

A whole film must be read with the right grey levels by each command, and a damaged one refused with the reason. No
command may stop at it, and no file may vanish without a word.
"""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fxkit.models.run_folder import Run
from preprocess.images import read_image, to_grey8
from tests.fxkit.corpus.command import run
from tests.fxkit.corpus.dicoms import dicoms
from tests.fxkit.corpus.film import HEIGHT, MARKER, WIDTH, Kind, film8, mask
from tests.fxkit.corpus.pictures import pictures
from tests.fxkit.corpus.tiffs import tiffs

KINDS = {kind.name: kind for kind in (*pictures(), *tiffs(), *dicoms())}

CLASSES = ("fractured", "not_fractured")

WHOLE = [name for name, kind in KINDS.items() if kind.film is not None]

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Outcome:
    """What a command did with the corpus."""

    exit_code: int
    output: str
    films: Mapping[str, object]  # by file name
    errors: Mapping[str, str]  # by file name


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with one file of every kind, in two class folders."""
    root = tmp_path_factory.mktemp("corpus") / "films"
    for number, (name, kind) in enumerate(KINDS.items()):
        file = root / CLASSES[number % 2] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(kind.data)
    return root


@pytest.fixture(scope="module")
def indexed(corpus: Path) -> Outcome:
    manifest = corpus.parent / "manifest.csv"
    code, _, output = run("index", corpus, "--out", manifest, "--no-copies", "--no-pages")
    assert manifest.is_file(), output
    rows = list(csv.DictReader(manifest.open(encoding="utf-8", newline="")))
    ok = {Path(row["path"]).name: row for row in rows if row["status"] == "ok"}
    return Outcome(code, output, ok, {Path(row["path"]).name: row["status"] for row in rows if row["status"] != "ok"})


@pytest.fixture(scope="module")
def cleaned(corpus: Path) -> Outcome:
    paths = sorted(path.relative_to(corpus).as_posix() for path in corpus.rglob("*") if path.is_file())
    sizes = [(path, KINDS[Path(path).name].film) for path in paths]
    markers = {
        "images": [{"id": i, "file_name": path, "width": WIDTH, "height": HEIGHT} for i, (path, _) in enumerate(sizes)],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "bbox": list(MARKER),
                "area": MARKER[2] * MARKER[3],
                "iscrowd": 0,
            }
            for i in range(len(sizes))
        ],
        "categories": [{"id": 1, "name": "marker"}],
    }
    file = corpus.parent / "known.json"
    file.write_text(json.dumps(markers))
    out = corpus.parent / "clean"
    code, _, output = run("clean-labels", corpus, "--out", out, "--markers", file, "--no-text")
    assert (out / "ledger.jsonl").is_file(), output
    rows = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
    films = {Path(row["path"]).name: out / row["output"] for row in rows if not row["error"]}
    return Outcome(code, output, films, {Path(row["path"]).name: row["error"] for row in rows if row["error"]})


@pytest.fixture(scope="module")
def predicted(corpus: Path, trained: Run) -> Outcome:
    code, printed, output = run("predict", trained.folder, corpus, "--json", "--device", "cpu")
    rows = json.loads(printed)
    ok = {Path(row["path"]).name: row["probabilities"] for row in rows if not row["error"]}
    errors = {Path(row["path"]).name: row["error"] for row in rows if row["error"]}
    return Outcome(code, output, ok, errors)


def check_outcome(kind: Kind, outcome: Outcome) -> bool:
    """Check that a file was read or refused with the right reason; return whether it was read."""
    if kind.name in outcome.films:
        assert kind.film is not None, f"a damaged file is accepted; it should be refused: {kind.reason}"
        return True
    assert kind.name in outcome.errors, "the file vanished without a word"
    assert kind.reason, f"a whole film is refused: {outcome.errors[kind.name]}"
    assert re.search(kind.reason, outcome.errors[kind.name])
    return False


@pytest.mark.parametrize("name", KINDS)
def test_index_reads_whole_films_and_refuses_damaged_ones(name: str, indexed: Outcome) -> None:
    if check_outcome(KINDS[name], indexed):
        row = indexed.films[name]
        assert (row["width"], row["height"]) == (str(WIDTH), str(HEIGHT))


@pytest.mark.parametrize("name", KINDS)
def test_clean_labels_reads_whole_films_and_refuses_damaged_ones(name: str, cleaned: Outcome, corpus: Path) -> None:
    kind = KINDS[name]
    if check_outcome(kind, cleaned):
        after = to_grey8(read_image(cleaned.films[name])).astype(int)
        before = to_grey8(read_image(next(corpus.glob(f"*/{name}")))).astype(int)
        outside = ~mask()
        assert np.abs(before - kind.film)[outside].max() <= kind.tolerance
        assert np.array_equal(after[outside], before[outside])


@pytest.mark.parametrize("name", KINDS)
def test_predict_reads_whole_films_and_refuses_damaged_ones(name: str, predicted: Outcome) -> None:
    check_outcome(KINDS[name], predicted)


def test_one_film_has_one_probability_in_every_format(predicted: Outcome) -> None:
    reference = predicted.films["png-8-bits.png"]["fractured"]
    same = [name for name in WHOLE if np.abs(KINDS[name].film.astype(int) - film8())[~mask()].max() <= 1]
    assert len(same) > 50
    differences = {
        name: abs(predicted.films[name]["fractured"] - reference) for name in same if name in predicted.films
    }
    assert max(differences.values()) < 0.02, max(differences, key=differences.get)


def test_every_command_names_as_many_damaged_files(
    corpus: Path, indexed: Outcome, cleaned: Outcome, predicted: Outcome
) -> None:
    files = {path.name for path in corpus.rglob("*") if path.is_file()}
    for outcome in (indexed, cleaned, predicted):
        assert {*outcome.films, *outcome.errors} == files
    assert indexed.exit_code == 0, indexed.output
    assert cleaned.exit_code == 1, cleaned.output
    assert predicted.exit_code == 1, predicted.output


def test_train_leaves_damaged_files_out(corpus: Path, indexed: Outcome, tmp_path: Path) -> None:
    films = ["--manifest", corpus.parent / "manifest.csv", "--root", corpus]
    code, _, output = run("train", *films, "--config", "tiny", "--image-size", 32, "--runs", tmp_path, "--name", "a")
    assert code == 0, output
    rows = csv.DictReader((tmp_path / "a" / "manifest.csv").open(encoding="utf-8", newline=""))
    assert {Path(row["path"]).name for row in rows if row["status"] == "ok"} == set(indexed.films)
