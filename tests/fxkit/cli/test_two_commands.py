"""Two commands at once do not write into one folder: the second one is refused and told who holds it."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from fxkit.cli import fxkit
from fxkit.models.run_folder import Run
from preprocess.errors import OutputError

pytestmark = pytest.mark.slow

Arguments = Callable[[Run, Path], list[object]]


def films(run: Run) -> list[object]:
    return ["--manifest", run.folder / "manifest.csv", "--root", run.root, "--config", "tiny"]


def start(arguments: list[object]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", "from fxkit.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(lock: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 90
    while not (lock.is_file() and lock.read_text()) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    assert process.poll() is None, "the command ended before another one was started"


def refusal(arguments: list[object]) -> str:
    result = CliRunner().invoke(fxkit, list(map(str, arguments)))
    assert isinstance(result.exception, OutputError), result.output
    return str(result.exception)


@pytest.fixture(scope="module")
def training(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A run folder that a training writes, and the number of its process."""
    runs = tmp_path_factory.mktemp("runs")
    process = start(["train", *films(trained), "--epochs", "2000,1", "--runs", runs, "--name", "a"])
    try:
        wait_for(runs / ".a.lock", process)
        yield runs / "a", process.pid
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "command",
    [["evaluate"], ["calibrate"], ["cam"], ["export"], ["report"], ["audit"], ["train", "--overwrite"]],
    ids=" ".join,
)
def test_a_run_folder_that_is_being_trained_is_refused(
    trained: Run, training: tuple[Path, int], command: list[str]
) -> None:
    run, process = training
    name, *options = command
    again = [name, *films(trained), "--runs", run.parent, "--name", run.name, *options]
    told = refusal(again if name == "train" else [name, run])
    assert re.fullmatch(
        rf"{re.escape(str(run))}: fxkit train \(process {process} on .+, since [-\d]+ [\d:]+\) is writing here; wait "
        r"until it ends, or give another output; the lock is released when that process ends, even if it is killed",
        told,
    )


@pytest.mark.parametrize(
    ("output", "arguments"),
    [
        (
            "a",
            lambda run, out: ["train", *films(run), "--folds", 3, "--epochs", "2000,1", "--runs", out, "--name", "a"],
        ),
        ("s", lambda run, out: ["search", *films(run), "--epochs", "2000,1", "--folds", 3, "--out", out / "s"]),
        (
            "b",
            lambda run, out: [
                "ablate",
                "masked-vs-raw",
                *films(run),
                "--full",
                "--cleaned",
                out / "c",
                "--out",
                out / "b",
            ],
        ),
        ("f", lambda run, out: ["synth", out / "f", "--films", 9999]),
        ("m.csv", lambda run, out: ["index", run.root, "--out", out / "m.csv"]),
    ],
    ids=["train --folds", "search", "ablate", "synth", "index"],
)
def test_the_same_command_twice_is_refused_until_the_first_ends(
    trained: Run, tmp_path: Path, output: str, arguments: Arguments
) -> None:
    command = arguments(trained, tmp_path)
    process = start(command)
    try:
        wait_for(tmp_path / f".{output}.lock", process)
        assert refusal(command).startswith(f"{tmp_path / output}: fxkit {command[0]} (process {process.pid} on ")
    finally:
        process.kill()
        process.wait()
    report = CliRunner().invoke(fxkit, ["report", str(tmp_path / output)])
    assert "is writing here" not in str(report.exception)  # the lock of a killed process is free
