"""A command that is killed leaves no process behind, and started again it gives the bytes of one that was not killed.

FXKIT_KILL_MOMENTS sets at how many moments each command is killed; the default is 8, and 4 for
training, which takes longer.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fxkit.data.manifest import write_manifest
from fxkit.index.build import IndexOptions, index_data
from fxkit.synth.dataset import Synthetic, SynthOptions, synth

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]

MOMENTS = {"clean-labels": 8, "index": 8, "train": 4}

Arguments = Callable[[Path], list[object]]  # of a command that writes below a folder


def start(arguments: list[object], **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", "from fxkit.cli import main; main()", *map(str, arguments)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, **environment})


def parents() -> dict[int, int]:
    """Return the parent of each process that is alive."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(folder.name)] = int(parent)
    return found


def descendants(process: int) -> set[int]:
    alive = parents()
    found: set[int] = set()
    while new := {child for child, parent in alive.items() if parent in found | {process}} - found:
        found |= new
    return found


def until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return met


@pytest.fixture(scope="module")
def commands(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Arguments]:
    manifest = tmp_path_factory.mktemp("killed") / "manifest.csv"
    write_manifest(manifest, index_data(made.root, IndexOptions(copies=False)).records)
    films = ["--manifest", manifest, "--root", made.root, "--config", "tiny", "--image-size", 32]
    return {
        "clean-labels": lambda out: ["clean-labels", made.root, "--out", out / "clean", "--no-text"],
        "index": lambda out: ["index", made.root, "--out", out / "m.csv", "--cache", out / "cache.db", "--no-pages"],
        "train": lambda out: ["train", *films, "--epochs", "3,3", "--runs", out, "--name", "a", "--quiet", "--resume"],
    }


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Eight small films with a copy each, and their manifest."""
    folder = tmp_path_factory.mktemp("few")
    root = synth(folder / "films", SynthOptions(films=8, copies=1, size_px=128, copy_px=96)).root
    write_manifest(folder / "m.csv", index_data(root).records)
    return root, folder / "m.csv"


@pytest.mark.parametrize("command", ["clean-labels", "index", "train"])
def test_a_command_that_was_killed_ends_with_the_same_bytes(
    few: tuple[Path, Path], tmp_path: Path, command: str
) -> None:
    root, manifest = few
    films = ["--manifest", manifest, "--root", root, "--config", "tiny", "--image-size", 32, "--epochs", "2,1"]
    arguments = {
        "clean-labels": [root, "--out", "OUT/clean", "--no-text", "--max-fraction", 1],
        "index": [root, "--out", "OUT/m.csv", "--cache", "OUT/cache.db", "--no-pages"],
        "train": [*films, "--runs", "OUT", "--name", "a", "--quiet", "--resume"],
    }[command]
    moments = int(os.environ.get("FXKIT_KILL_MOMENTS", MOMENTS[command]))
    task = json.dumps([moments, str(tmp_path), [command, *map(str, arguments)]])
    runner = [sys.executable, str(Path(__file__).with_name("kill_runner.py")), task]
    done = subprocess.run(runner, capture_output=True, text=True, timeout=900, check=False)
    assert done.stdout, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("how", ["kill", "terminate"])
@pytest.mark.parametrize(
    ("command", "options", "sign"),
    [
        ("clean-labels", ["--jobs", 2], "clean/*/*.png"),
        ("index", ["--jobs", 2], "cache.db"),
        ("train", ["--workers", 2, "--epochs", "400,1", "--set", "optim.cached_views=0"], "a/history.csv"),
    ],
)
def test_no_process_outlives_its_parent(
    commands: dict[str, Arguments], tmp_path: Path, command: str, options: list[object], sign: str, how: str
) -> None:
    process = start([*commands[command](tmp_path), *options])

    def works() -> bool:
        return process.poll() is not None or (any(tmp_path.glob(sign)) and len(descendants(process.pid)) >= 2)

    try:
        until(works, 90)
        children = descendants(process.pid)
        assert len(children) >= 2, "the command ended before it was stopped"
        getattr(process, how)()
        process.wait(timeout=60)
    finally:
        process.kill()
    assert until(lambda: not children & set(parents()), 15), "a process outlives its parent"
