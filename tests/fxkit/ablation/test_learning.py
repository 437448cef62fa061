"""The quick fit and the division of records, on features and records with known results."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fxkit.ablation.learning import build_quick_fit, extract_features
from fxkit.ablation.parts import divide_records
from fxkit.config import load_config
from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.index.build import IndexOptions, index_data
from fxkit.synth.dataset import Synthetic

ROOT = Path("films")


def records(films: int = 12, copies: int = 2) -> list[Record]:
    """Return records with two films for each patient; the last four films are test."""
    return [
        Record(
            path=f"{film}-{copy}",
            label=("whole", "broken")[film // 2 % 2],
            group=f"p{film // 2}",
            split="test" if film >= films - 4 else "train",
            sha256="",
            width=9,
            height=9,
            status="ok",
            film=str(film),
        )
        for film in range(films)
        for copy in range(copies)
    ]


def test_without_folds_the_split_of_the_records_is_used() -> None:
    assert divide_records(records(), 0, 0) == [records()]


def test_folds_test_every_file_once_and_keep_groups_whole() -> None:
    parts = divide_records(records(), 3, 0)
    tested = Counter(r.path for part in parts for r in part if r.split == "test")
    assert tested == Counter(r.path for r in records())
    for part in parts:
        split_of = {(r.group, r.split) for r in part}
        assert len(split_of) == len({group for group, _ in split_of})
        assert {r.split for r in part} == {"train", "val", "test"}


def test_folds_by_file_divide_films() -> None:
    parts = divide_records(records(copies=6), 3, 0, by_group=False)
    assert {r.path for part in parts for r in part if r.split == "test"} == {r.path for r in records(copies=6)}
    seen = {r.film for r in parts[0] if r.split == "train"}
    assert seen & {r.film for r in parts[0] if r.split == "test"}
    assert {r.group for r in parts[0]} == {r.group for r in records()}


def test_too_many_folds_are_refused() -> None:
    with pytest.raises(DataError, match=r"3 groups for 4 folds"):
        divide_records(records(), 4, 0)


def test_the_head_learns_from_features_and_predicts_another_root() -> None:
    rows = records(24)
    truth = np.array([r.label == "broken" for r in rows], np.float32)
    noise = np.random.default_rng(0).normal(0, 0.1, (len(rows), 3)).astype(np.float32)
    features = {ROOT: noise + truth[:, None], Path("inverted"): noise + 1 - truth[:, None]}
    predict = build_quick_fit(("whole", "broken"), rows, features)(rows, ROOT, "")
    same, inverted = predict(ROOT), predict(Path("inverted"))
    assert same.paths == tuple(r.path for r in rows if r.split == "test")
    assert (same.predicted() == same.labels).all()
    assert (inverted.predicted() != inverted.labels).all()


def test_a_film_with_many_copies_has_the_weight_of_one_film() -> None:
    rows = records(24, copies=1)
    copied = rows + [Record(**{**r.__dict__, "path": f"{r.path}{n}"}) for r in rows[:1] for n in range(50)]
    features = np.random.default_rng(1).normal(0, 1, (len(rows), 4)).astype(np.float32)
    padded = np.concatenate([features, np.repeat(features[:1], 50, axis=0)])
    one = build_quick_fit(("whole", "broken"), rows, {ROOT: features})(rows, ROOT, "")(ROOT)
    two = build_quick_fit(("whole", "broken"), copied, {ROOT: padded})(copied, ROOT, "")(ROOT)
    assert np.abs(one.probabilities - two.probabilities).max() < 0.1


def test_features_are_reproducible(made: Synthetic) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    config = load_config("tiny", ["data.image_size=64"])
    first, second = (extract_features(config, index.root, index.records[:5]) for _ in range(2))
    assert first.shape[0] == 5
    assert first.dtype == np.float32
    assert (first == second).all()
