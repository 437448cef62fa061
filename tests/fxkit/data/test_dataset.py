"""Dataset items hold the right film and class, and depend only on seed and index."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fxkit.config import AugmentConfig, DataConfig
from fxkit.data.dataset import DatasetOptions, FilmDataset, build_loader, class_weights, sample_films_evenly
from fxkit.data.film_cache import open_film_cache
from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import Record
from fxkit.data.preprocessing import Preprocessing
from fxkit.errors import DataError
from fxkit.index.build import index_data
from fxkit.synth.dataset import Synthetic
from preprocess.errors import ImageError
from preprocess.images import write_image

PREPROCESSING = Preprocessing(64, "stretch", (0.5,) * 3, (0.5,) * 3)


@pytest.fixture(scope="module")
def films(made: Synthetic) -> tuple[Path, list[Record]]:
    index = index_data(made.root)
    return index.root, list(index.records)


def build(films: tuple[Path, list[Record]], seed: int = 0, augmented: bool = True) -> FilmDataset:
    options = DatasetOptions(AugmentConfig() if augmented else None, seed)
    return FilmDataset(open_image_root(films[0]), films[1], ["not_fractured", "fractured"], PREPROCESSING, options)


@pytest.mark.slow
def test_items_hold_the_image_and_the_class_index(films: tuple[Path, list[Record]]) -> None:
    dataset = build(films, augmented=False)
    image, label = dataset[0]
    assert len(dataset) == len(films[1])
    assert image.shape == (3, 64, 64)
    assert label == int(films[1][0].label == "fractured")


def test_the_index_of_an_unknown_class_is_minus_one(films: tuple[Path, list[Record]]) -> None:
    root, records = films
    dataset = build((root, [replace(records[0], label="sprained")]))
    assert dataset[0][1] == -1


def test_the_same_seed_gives_the_same_items(films: tuple[Path, list[Record]]) -> None:
    first, again, other = build(films, 3)[5][0], build(films, 3)[5][0], build(films, 4)[5][0]
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_loaders_with_workers_give_the_same_batches(films: tuple[Path, list[Record]]) -> None:
    batches = []
    for workers in (0, 2):
        loader = build_loader(build(films), DataConfig(batch_size=8, workers=workers), shuffle_seed=1)
        batches.append(torch.cat([images for images, _ in loader]))
    assert torch.equal(*batches)


def test_a_shuffled_last_batch_of_one_film_is_left_out(films: tuple[Path, list[Record]]) -> None:
    dataset = build((films[0], films[1][:9]))
    assert len(build_loader(dataset, DataConfig(batch_size=8, workers=0), shuffle_seed=0)) == 1
    assert len(build_loader(dataset, DataConfig(batch_size=8, workers=0))) == 2


@pytest.mark.parametrize("augmented", [True, False])
def test_a_cache_does_not_change_the_items(
    films: tuple[Path, list[Record]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, augmented: bool
) -> None:
    monkeypatch.setattr("fxkit.data.film_cache.SETTLED_S", 0.0)
    dataset = build(films, augmented=augmented)
    without = [dataset[i][0] for i in range(8)]
    dataset.options = replace(dataset.options, cache=open_film_cache(tmp_path / "cache", 10**7, 1))
    for _cold_then_warm in range(2):
        assert all(torch.equal(dataset[i][0], without[i]) for i in range(8))
    assert len(list((tmp_path / "cache").iterdir())) == 8


def test_the_error_for_a_missing_film_names_it(films: tuple[Path, list[Record]]) -> None:
    root, records = films
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        build((root, [replace(records[0], path="gone.png")]))[0]


def test_rarer_classes_weigh_more(films: tuple[Path, list[Record]]) -> None:
    records = [replace(films[1][0], label=name) for name in "aaab"]
    weights = class_weights(records, ["a", "b"])
    assert torch.allclose(weights, torch.tensor([4 / 6, 2.0]))
    assert float((weights * torch.tensor([3.0, 1.0])).sum()) == pytest.approx(4)


def test_a_class_without_training_files_is_refused(films: tuple[Path, list[Record]]) -> None:
    with pytest.raises(DataError, match="class 'b' has no training film"):
        class_weights([replace(films[1][0], label="a")], ["a", "b"])


def test_files_of_a_cleaned_folder_are_found_through_its_ledger(tmp_path: Path) -> None:
    row = {"path": "a.jpg", "output": "a.jpg.png", "status": "cleaned"}
    lost = {"path": "b.jpg", "output": "", "status": "failed", "error": "cut short"}
    lines = (json.dumps(r | {"markers": []}) + "\n" for r in (row, lost))
    (tmp_path / "ledger.jsonl").write_text("".join(lines))
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / name, np.zeros((8, 8), np.uint8))
    images = open_image_root(tmp_path)
    assert images.find("a.jpg") == tmp_path / "a.jpg.png"
    assert images.find("c.png") == tmp_path / "c.png"
    with pytest.raises(ImageError, match=r"b\.jpg: could not be cleaned"):
        images.find("b.jpg")


def test_max_pixels_is_an_option(films: tuple[Path, list[Record]]) -> None:
    dataset = FilmDataset(
        open_image_root(films[0]), films[1], ["a", "b"], PREPROCESSING, DatasetOptions(max_pixels=100)
    )
    with pytest.raises(ImageError, match="more than the limit of 100"):
        dataset[0]


def copies(**counts: int) -> list[Record]:
    return [
        Record(f"{film}{i}.png", "a", film, "train", "", 1, 1, "ok", film)
        for film, n in counts.items()
        for i in range(n)
    ]


def test_every_film_is_drawn_equally_often_whatever_its_number_of_copies() -> None:
    records = copies(one=1, two=2, nine=9)
    chosen = sample_films_evenly(records, 0)
    films = [record.film for record in chosen]
    assert [films.count(film) for film in ("one", "two", "nine")] == [4, 4, 4]
    assert chosen == sorted(chosen, key=records.index)
    assert [chosen.count(record) for record in records[1:3]] == [2, 2]
    assert max(chosen.count(record) for record in records[3:]) == 1
    assert sample_films_evenly([], 0) == []


def test_another_seed_draws_other_copies() -> None:
    records = copies(one=1, nine=9)
    assert sample_films_evenly(records, 3) == sample_films_evenly(records, 3)
    assert sample_films_evenly(records, 3) != sample_films_evenly(records, 4)
