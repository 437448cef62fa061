"""The action and the hook on the page about predictions made elsewhere pass an honest table, and stop a leaking one."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "audit-predictions.md"

BLOCKS = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)]

ACTION = next(block for block in BLOCKS if "runs" in block)

HOOK = next(block for block in BLOCKS if "repos" in block)["repos"][0]["hooks"][0]

USE = next(block for block in BLOCKS if isinstance(block, list))[0]

FAILED = 4  # exit status of `fxkit audit --fail-on`

pytestmark = pytest.mark.slow


def write_tables(folder: Path, *, leaking: bool) -> None:
    rows, rng = ["path,patient,label,probability"], np.random.default_rng(0)
    for n, probability in enumerate(rng.random(200)):  # calibrated: a film is a fracture with its probability
        label = "fracture" if rng.random() < probability else "normal"
        rows.append(f"test/{n}.png,P{n},{label},{probability:.3f}")
    (folder / "preds.csv").write_text("\n".join(rows) + "\n")
    patients = range(10) if leaking else range(500, 510)
    (folder / "train.csv").write_text("path,patient\n" + "".join(f"train/{n}.png,P{n}\n" for n in patients))


def shell(command: str, folder: Path, variables: Mapping[str, str] = {}) -> int:
    """Run a command in bash with this environment's fxkit, and return its exit status."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env={**os.environ, "PATH": path, **variables}, check=False
    )
    return done.returncode


def run_action(folder: Path, values: dict[str, str]) -> int:
    """Run the commands of the action, but not the installation, and return the first status that is not 0."""
    inputs: dict[str, Any] = {name: values.get(name, item.get("default")) for name, item in ACTION["inputs"].items()}
    for step in ACTION["runs"]["steps"]:
        command = step.get("run", "")
        assert "${{" not in command  # a value that is pasted into a script could end the command
        variables = {
            name: re.sub(r"\$\{\{ inputs\.([a-z-]+) }}", lambda match: inputs[match[1]], text)
            for name, text in step.get("env", {}).items()
        }
        if command.startswith("fxkit ") and (status := shell(command, folder, variables)):
            return status
    return 0


@pytest.mark.parametrize(("leaking", "status"), [(False, 0), (True, FAILED)])
def test_the_action_stops_a_leaking_table(tmp_path: Path, leaking: bool, status: int) -> None:
    write_tables(tmp_path, leaking=leaking)
    assert ACTION["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in ACTION["runs"]["steps"] if "run" in step)
    assert run_action(tmp_path, USE["with"]) == status


def test_the_hook_stops_a_leaking_table(tmp_path: Path) -> None:
    assert re.search(HOOK["files"], "preds.csv")
    for leaking, status in ((False, 0), (True, FAILED)):
        write_tables(tmp_path, leaking=leaking)
        assert shell(HOOK["entry"], tmp_path) == status
