"""The search: its trials, early stopping, exact resuming, its files, and that it never reads test films."""

import csv
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from fxkit.config import Config, load_config
from fxkit.data.manifest import Record, usable
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.index.build import IndexOptions, index_data
from fxkit.metrics.predictions import Predictions
from fxkit.synth.dataset import Synthetic, SynthOptions, synth
from fxkit.training.search import search as module
from fxkit.training.search.results import SearchResult
from fxkit.training.search.search import SearchOptions, score, search
from fxkit.training.search.space import Choices, Range, Space

TINY = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]"])
SPACE: Space = {
    "optim.head_lr": Range(low=1e-4, high=1e-1, log=True),
    "model.hidden": Choices(choices=(16, 32)),
}
Source = tuple[Path, list[Record]]


@pytest.fixture(scope="module")
def source(made: Synthetic) -> Source:
    index = index_data(made.root, IndexOptions(copies=False))
    return index.root, list(index.records)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """Replace training by a known score (best at rate 0.01, highest in fold 1); return the calls as (rate, fold)."""
    calls: list[tuple[float, int]] = []

    def answer(config: Config, _task: Any, fold: int, _place: Path) -> float:
        calls.append((config.optim.head_lr, fold))
        return 0.9 - 0.2 * abs(math.log10(config.optim.head_lr) + 2) + (0.05 if fold == 1 else 0.0)

    monkeypatch.setattr(module, "_score_fold", answer)
    return calls


def run(source: Source, folder: Path, trials: int, config: Config = TINY, **options: Any) -> SearchResult:
    return search(config, *source, folder, SPACE, SearchOptions(trials, folds=3, **options))


def test_the_best_settings_are_found_and_written_as_a_preset(source: Source, tmp_path: Path, calls: list[Any]) -> None:
    result = run(source, tmp_path / "s", 25)
    assert len(result.trials) == 25
    assert result.trials[0].settings == {"optim.head_lr": TINY.optim.head_lr, "model.hidden": TINY.model.hidden}
    assert result.best.score > 0.87 > result.trials[0].score
    assert result.ranked[0] == result.best
    best = load_config(tmp_path / "s" / "best.yaml")
    assert best == TINY.model_copy(update={"optim": best.optim, "model": best.model})
    assert {"optim.head_lr": best.optim.head_lr, "model.hidden": best.model.hidden} == result.best.settings
    assert "optimistic" in (tmp_path / "s" / "best.yaml").read_text()


def test_the_table_has_a_row_for_each_trial_and_the_figure_is_a_picture(
    source: Source, tmp_path: Path, calls: list[Any]
) -> None:
    result = run(source, tmp_path / "s", 12)
    with (tmp_path / "s" / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == [trial.state for trial in result.trials]
    assert float(rows[0]["auroc"]) == pytest.approx(np.mean([float(rows[0][f"fold_{i}"]) for i in range(3)]), abs=1e-5)
    assert [float(row["optim.head_lr"]) for row in rows] == [t.settings["optim.head_lr"] for t in result.trials]
    assert (tmp_path / "s" / "search.png").read_bytes().startswith(b"\x89PNG")


def test_poor_trials_are_stopped_after_a_fold(source: Source, tmp_path: Path, calls: list[tuple[float, int]]) -> None:
    result = run(source, tmp_path / "s", 25)
    pruned = [trial for trial in result.trials if trial.state == "pruned"]
    assert 0 < len(pruned) < 20
    assert all(len(trial.folds) < 3 for trial in pruned)
    assert all(trial.state == "complete" for trial in result.trials[: module.UNPRUNED])
    assert len(calls) == sum(len(trial.folds) for trial in result.trials)


class Killed(BaseException):
    pass


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that makes the search stop after a number of scored folds."""

    def prepare(count: int) -> None:
        answer, left = module._score_fold, iter(range(count))

        def stop(*arguments: Any) -> float:
            if next(left, None) is None:
                raise Killed
            return answer(*arguments)

        monkeypatch.setattr(module, "_score_fold", stop)

    yield prepare
    monkeypatch.undo()


@pytest.mark.slow
def test_a_killed_search_resumes_to_the_same_trials(
    source: Source, tmp_path: Path, calls: list[Any], killed_after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(source, tmp_path / "whole", 9)
    answer = module._score_fold
    killed_after(10)  # inside the fourth trial
    with pytest.raises(Killed):
        run(source, tmp_path / "s", 9)
    monkeypatch.setattr(module, "_score_fold", answer)
    assert len(run(source, tmp_path / "s", 6, resume=True).trials) == 6
    again = run(source, tmp_path / "s", 9, resume=True)
    plain = [[replace(trial, seconds=0) for trial in result.trials] for result in (whole, again)]
    assert plain[0] == plain[1]


def test_another_search_is_not_resumed(source: Source, tmp_path: Path, calls: list[Any]) -> None:
    run(source, tmp_path / "s", 1)
    with pytest.raises(RunError, match="already exists; choose another --name"):
        run(source, tmp_path / "s", 1)
    with pytest.raises(RunError, match="was started with another objective; use the same, or give --overwrite"):
        run(source, tmp_path / "s", 1, objective="log_loss", resume=True)
    with pytest.raises(RunError, match="was started with other 'optim' settings"):
        run(source, tmp_path / "s", 1, load_config("tiny", ["data.image_size=64"]), resume=True)
    other = {"optim.head_lr": SPACE["optim.head_lr"]}
    with pytest.raises(RunError, match="was started with another space"):
        search(TINY, *source, tmp_path / "s", other, SearchOptions(trials=1, folds=3, resume=True))
    assert len(run(source, tmp_path / "s", 2, overwrite=True).trials) == 2


def test_the_same_settings_are_not_trained_twice(source: Source, tmp_path: Path, calls: list[Any]) -> None:
    space = {"model.hidden": Choices(choices=(16, 32))}
    result = search(TINY, *source, tmp_path / "s", space, SearchOptions(trials=8, folds=3))
    assert [trial.state for trial in result.trials] == ["complete"] * 8
    assert len(calls) == 6  # two settings on three folds


def test_failed_trials_are_listed_and_the_search_continues(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(config: Config, _task: Any, fold: int, _place: Path) -> float:
        if config.model.hidden == 16:
            raise DataError("the training\ndiverged")
        return 0.5 + 0.1 * fold

    monkeypatch.setattr(module, "_score_fold", answer)
    result = run(source, tmp_path / "s", 8)
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert failed
    assert {trial.error for trial in failed} == {"the training diverged"}
    assert all(math.isnan(trial.score) for trial in failed)
    assert result.best.settings["model.hidden"] == 32
    only = {"model.hidden": Choices(choices=(16, 16.0))}
    with pytest.raises(RunError, match=r"none of 2 trials finished; error of the last one: the training diverged"):
        search(TINY, *source, tmp_path / "t", only, SearchOptions(trials=2, folds=3))


@pytest.mark.slow
def test_real_training_runs_without_the_test_films(tmp_path: Path) -> None:
    films = synth(tmp_path / "films", SynthOptions(films=24, size_px=96))
    records = list(index_data(films.root, IndexOptions(copies=False)).records)
    for record in usable(records, "test"):
        (films.root / record.path).unlink()
    options = SearchOptions(trials=2, folds=3, objective="log_loss")
    result = search(TINY, films.root, records, tmp_path / "s", SPACE, options)
    assert [trial.state for trial in result.trials] == ["complete", "complete"]
    assert all(0 < value < 3 for trial in result.trials for value in trial.folds)
    assert result.best.score == min(trial.score for trial in result.trials)
    assert not (tmp_path / "s" / "trials").exists()


@pytest.mark.parametrize("split", ["random", "grouped"])
def test_leaking_data_are_refused(made: Synthetic, tmp_path: Path, split: str) -> None:
    records = list(
        index_data(made.root, IndexOptions(copies=False, split=split, folds=0 if split == "random" else 3)).records
    )
    if split == "grouped":
        moved = [r for r in usable(records) if r.fold == "0"][-1]
        records = [replace(r, fold="1") if r == moved else r for r in records]
    with pytest.raises(DataError, match=r"^(the split|fold 0) leaks: of "):
        run((made.root, records), tmp_path / "s", 1)
    assert not (tmp_path / "s").exists()


def test_an_unknown_objective_is_refused(source: Source, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="objective 'f1'; expected auroc or log_loss"):
        run(source, tmp_path / "s", 1, objective="f1")


def test_the_score_is_by_film() -> None:
    p = np.array([0.9, 0.5, 0.2, 0.4])
    predictions = Predictions(
        ("no", "yes"), ("a1", "a2", "b", "c"), np.array([1, 1, 0, 1]), np.stack([1 - p, p], 1),
        ("a", "a", "b", "c"), ("a", "a", "b", "c"),
    )  # fmt: skip
    assert score(predictions, "auroc") == 1.0
    assert score(predictions, "log_loss") == pytest.approx(log_loss([1, 0, 1], [0.7, 0.2, 0.4]))
