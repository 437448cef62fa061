"""Checkpoints are replaced by complete ones only, and the last whole one is found."""

import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from preprocess.errors import OutputError
from preprocess.markernet.checkpoints import (
    BEST,
    LAST,
    NEXT,
    PREVIOUS,
    SafeCheckpoints,
    find_checkpoint,
    has_checkpoint,
    is_whole,
    remove_leftovers,
)

WRITER = SafeCheckpoints("continue")


def save(path: Path, epoch: int) -> None:
    WRITER.save_checkpoint({"epoch": epoch, "weights": torch.full((20_000,), float(epoch))}, path)


def epoch_of(path: Path) -> int:
    return int(WRITER.load_checkpoint(path, weights_only=True)["epoch"])


def zero_middle(data: bytes) -> bytes:
    return data[:20_000] + bytes(4096) + data[24_096:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "second half zeros": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "all zeros": lambda data: bytes(len(data)),
    "zeros among the weights": zero_middle,
    "a flipped bit": lambda data: data[:30_000] + bytes([data[30_000] ^ 1]) + data[30_001:],
    "text": lambda data: b"hello\n" * 99,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for epoch in range(3):
        save(tmp_path / LAST, epoch)
    return tmp_path


def test_the_last_two_checkpoints_are_kept(folder: Path) -> None:
    assert {path.name: epoch_of(path) for path in folder.iterdir()} == {LAST: 2, PREVIOUS: 1}
    assert find_checkpoint(folder) == folder / LAST


def test_the_temporary_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    save(tmp_path / "new" / BEST, 4)
    assert epoch_of(tmp_path / "new" / BEST) == 4


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(
    folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    last = folder / LAST
    last.write_bytes(DAMAGES[damage](last.read_bytes()))
    assert not is_whole(last)
    assert find_checkpoint(folder) == folder / PREVIOUS
    expected = f"warning: {last}: is damaged; the training continues from previous.ckpt, the one before"
    assert caplog.messages == [expected]


def test_without_a_whole_checkpoint_the_training_starts_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in (LAST, PREVIOUS):
        (folder / name).write_bytes(b"")
    assert find_checkpoint(folder) is None
    assert not has_checkpoint(folder)
    assert caplog.messages == [
        f"warning: {folder / name}: is damaged; the training starts this phase again" for name in (LAST, PREVIOUS)
    ]


def test_a_damaged_best_epoch_can_only_be_trained_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / BEST).write_bytes(b"")
    assert find_checkpoint(folder) is None
    assert caplog.messages == [f"warning: {folder / BEST}: is damaged; the training starts this phase again"]


def test_a_kill_between_the_two_moves_leaves_the_one_before(folder: Path) -> None:
    (folder / LAST).replace(folder / NEXT)
    assert find_checkpoint(folder) == folder / PREVIOUS
    remove_leftovers(folder)
    assert [path.name for path in folder.iterdir()] == [PREVIOUS]
    remove_leftovers(folder, finished=True)
    assert not list(folder.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="no limit on the size of files")
@pytest.mark.parametrize("name", [LAST, BEST, "first.ckpt"])
def test_a_disk_that_takes_no_more_leaves_the_checkpoints_before(folder: Path, name: str) -> None:
    save(folder / BEST, 1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OutputError) as caught:
            save(folder / name, 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    kept = "the checkpoint before it is kept; " if name in before else ""
    advice = f"{kept}free some space, then continue"
    assert str(caught.value) == f"{folder / name}: cannot be written (File too large); {advice}"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
