"""The films of a training run: with film weights, an epoch shows each film equally often."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from fxkit.config import Config, load_config
from fxkit.data.dataset import FilmDataset
from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import Record
from fxkit.index.build import Index
from fxkit.models.backbones import build_backbone, build_preprocessing
from fxkit.training.feature_cache import as_features
from fxkit.training.films import Films
from fxkit.training.history import read_history
from fxkit.training.train import TrainOptions, train

CLASSES = ("not_fractured", "fractured")
COPIES = 40


@pytest.fixture(scope="module")
def source(made_index: Index) -> tuple[Path, list[Record]]:
    """Synthetic films, with many more files of the first fractured film of train and of val."""
    records = list(made_index.records)
    for split in ("train", "val"):
        first = next(r for r in records if (r.split, r.label) == (split, "fractured"))
        records += [first] * COPIES
    return made_index.root, records


def settings(*texts: str) -> Config:
    return load_config("tiny", ["data.image_size=64", "data.workers=0", "optim.film_weights=true", *texts])


def build_films(source: tuple[Path, list[Record]], config: Config) -> Films:
    root, records = source
    return Films(config, open_image_root(root), tuple(records), CLASSES, build_preprocessing(config.model, config.data))


def count_films(films: Films, share: tuple[int, int] = (0, 1)) -> "list[Counter[str]]":
    """Return how often each film occurs in the training and the validation loader."""
    counts = []
    for loader in (films.train_loader("head", 0, share), films.val_loader(share)):
        order = cast("list[int]", loader.dataset.indices)  # type: ignore[attr-defined]
        records = cast(FilmDataset, loader.dataset.dataset).records  # type: ignore[attr-defined]
        counts.append(Counter(records[i].film for i in order if records[i].label))
    return counts


def test_training_and_validation_show_each_film_equally_often(source: tuple[Path, list[Record]]) -> None:
    config = settings("data.batch_size=2")
    for counts in count_films(build_films(source, config)):
        assert max(counts.values()) - min(counts.values()) <= 1  # a last batch of one file is left out
    files = count_films(build_films(source, config.model_copy(update={"optim": load_config("tiny").optim})))
    assert all(max(counts.values()) > COPIES for counts in files)


def test_processes_divide_the_files_of_an_epoch(source: tuple[Path, list[Record]]) -> None:
    films = build_films(source, settings("data.batch_size=1"))
    whole, parts = count_films(films), [count_films(films, (rank, 2)) for rank in range(2)]
    for split in range(2):
        missing = whole[split] - (parts[0][split] + parts[1][split])
        assert missing.total() <= (1 if split == 0 else 0)


def test_class_weights_count_films_not_files(source: tuple[Path, list[Record]]) -> None:
    films = {r.film: r.label for r in source[1] if r.split == "train"}
    counts = [list(films.values()).count(name) for name in CLASSES]
    by_film = build_films(source, settings("optim.class_weights=true")).weights()
    by_file = build_films(source, settings("optim.class_weights=true", "optim.film_weights=false")).weights()
    assert by_film.tolist() == pytest.approx([sum(counts) / (2 * n) for n in counts])
    assert by_file[1] < by_film[1]


def test_feature_loaders_have_the_same_labels_as_image_loaders(
    source: tuple[Path, list[Record]], tmp_path: Path
) -> None:
    films = build_films(source, settings())
    features = as_features(films, build_backbone("test_resnet", pretrained=False), tmp_path)
    for cached, loader in (
        (features.train_loader("head", 1), films.train_loader("head", 1)),
        (features.val_loader(), films.val_loader()),
    ):
        assert [y for _, labels in cached for y in labels.tolist()] == [y for _, t in loader for y in t.tolist()]


def test_without_augmentation_features_train_the_same_head_as_images(
    source: tuple[Path, list[Record]], tmp_path: Path
) -> None:
    rows = []
    for views in (0, 2):
        config = settings("optim.epochs=[2,0]", f"optim.cached_views={views}", "augment.enabled=false")
        train(config, source[0], [replace(r) for r in source[1]], tmp_path / str(views), TrainOptions(allow_leaks=True))
        rows.append(read_history(tmp_path / str(views) / "history.csv"))
    for one, other in zip(*rows, strict=True):
        assert float(one["train_loss"]) == pytest.approx(float(other["train_loss"]), abs=1e-4)
