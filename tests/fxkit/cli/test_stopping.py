"""A stopped command says so with its exit code and one line, and can be continued."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fxkit.models.run_folder import Run

# A shell that starts a process in the background lets it ignore Ctrl-C; Python keeps that.
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from fxkit.cli import main; main()"


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", START, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def stop_after(process: "subprocess.Popen[str]", file: Path, how: signal.Signals) -> tuple[int, str]:
    """Send a signal as soon as a file exists; return the exit code and the last line of stderr."""
    for _ in range(1200):
        if file.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "code", "line"),
    [
        (signal.SIGTERM, 143, "error: stopped by SIGTERM; continue with --resume"),
        (signal.SIGINT, 130, "error: interrupted; continue with --resume"),
    ],
)
def test_a_stopped_training_can_be_resumed(
    trained: Run, tmp_path: Path, how: signal.Signals, code: int, line: str
) -> None:
    films = ["--manifest", trained.folder / "manifest.csv", "--root", trained.root]
    settings = ["--config", "tiny", "--image-size", 32, "--runs", tmp_path, "--name", "a"]
    first = start("train", *films, *settings, "--epochs", "400,1")
    assert stop_after(first, tmp_path / "a" / "checkpoints" / "head" / "last.ckpt", how) == (code, line)
    assert not (tmp_path / "a" / "model.json").exists()
    again = start("train", *films, *settings, "--epochs", "400,1", "--resume")
    again.terminate()
    assert again.wait(timeout=60) in (143, -signal.SIGTERM)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_cleaning_says_how_to_continue(
    tmp_path: Path, shared_data: Path, how: signal.Signals, code: int
) -> None:
    out = tmp_path / "clean"
    process = start("clean-labels", shared_data / "forearm" / "testing", "--out", out, "--no-text")
    stopped, line = stop_after(process, out / "ledger.jsonl", how)
    assert stopped == code
    assert line.endswith("; start it again to continue")
