"""A run whose checkpoints are damaged is resumed from the ones before, to the same bytes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fxkit.errors import RunError
from fxkit.training.train import TrainOptions, train
from preprocess.markernet.checkpoints import BEST, LAST, PREVIOUS

from .conftest import Source, settings, stop_training_after

CONFIG = settings("optim.epochs=[4, 0]", "optim.patience=9", "data.image_size=32")

RESUME = TrainOptions(resume=True)


@pytest.fixture(scope="module")
def whole(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(CONFIG, *source, folder)
    return folder


@pytest.fixture(scope="module")
def stopped(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        stop_training_after(patch, 4)  # three epochs have their checkpoints
        with pytest.raises(SystemExit):
            train(CONFIG, *source, folder)
    return folder


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def zero(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:2000] + bytes(1000) + data[3000:])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "damage", "instead"),
    [
        ([LAST], cut, "continues from previous.ckpt, the one before"),
        ([LAST], zero, "continues from previous.ckpt, the one before"),
        ([LAST, PREVIOUS], cut, "starts this phase again"),
        ([BEST], cut, "starts this phase again"),
    ],
)
def test_a_damaged_checkpoint_is_told_and_changes_nothing(
    source: Source,
    whole: Path,
    stopped: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    names: list[str],
    damage: Callable[[Path], None],
    instead: str,
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(stopped, folder)
    for name in names:
        damage(folder / "checkpoints" / "head" / name)
    train(CONFIG, *source, folder, RESUME)
    told = [line for line in caplog.messages if line.startswith("warning: ")]
    assert len(told) == len(names)
    assert all(line.endswith(instead) for line in told)
    for name in ("model.safetensors", "history.csv"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_a_damaged_best_epoch_of_a_finished_phase_is_refused_with_the_way_out(
    source: Source, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / "model.safetensors").unlink()
    head = folder / "checkpoints" / "head"
    cut(head / BEST)
    with pytest.raises(RunError) as caught:
        train(CONFIG, *source, folder, RESUME)
    phases = folder / "phases.json"
    assert str(caught.value) == (
        f"{head / BEST}: is missing or damaged; delete {head} and {phases}, then continue with --resume: this phase is "
        "trained again"
    )
    shutil.rmtree(head)
    phases.unlink()
    train(CONFIG, *source, folder, RESUME)
    assert (folder / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
