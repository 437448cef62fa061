"""A run that is killed and resumed gives the same bytes as an uninterrupted run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fxkit.data.manifest import write_manifest
from fxkit.index.build import IndexOptions, index_data
from fxkit.synth.dataset import Synthetic
from fxkit.training.history import read_history

SETTINGS = ["optim.epochs=[3, 3]", "data.image_size=64", "optim.patience=9"]
EVERYTHING = ["optim.ema_decay=0.9", "augment.mixup_alpha=0.4", "augment.cutmix_alpha=1", "optim.unfreeze_every=1"]


def command(folder: Path, made: Synthetic, settings: list[str]) -> list[str]:
    options = [part for setting in settings for part in ("--set", setting)]
    sources = ["--manifest", str(folder / "manifest.csv"), "--root", str(made.root), "--config", "tiny"]
    script = str(Path(sys.executable).with_name("fxkit"))
    return [script, "train", *sources, *options, "--runs", str(folder), "--quiet"]


def kill_after(rows: int, arguments: list[str], history: Path) -> None:
    """Start a run and kill it once history.csv has so many rows; fail if the run ends before that."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(read_history(history)) < rows:
            assert process.poll() is None, "the run ended before it was killed"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
@pytest.mark.parametrize("settings", [[], EVERYTHING], ids=["plain", "averaged, mixed, unfrozen by stages"])
def test_a_killed_run_resumes_to_the_same_bytes(made: Synthetic, tmp_path: Path, settings: list[str]) -> None:
    write_manifest(tmp_path / "manifest.csv", index_data(made.root, IndexOptions(copies=False)).records)
    arguments = command(tmp_path, made, SETTINGS + settings)
    subprocess.run([*arguments, "--name", "whole"], check=True, capture_output=True)
    history = tmp_path / "killed" / "history.csv"
    kill_after(1, [*arguments, "--name", "killed"], history)
    kill_after(4, [*arguments, "--name", "killed", "--resume"], history)
    assert len(read_history(history)) < 6
    subprocess.run([*arguments, "--name", "killed", "--resume"], check=True, capture_output=True)
    for name in ("model.safetensors", "history.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
