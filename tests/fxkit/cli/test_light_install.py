"""The commands judge models made elsewhere in an install without torch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.fxkit.marker_films import CLASSES
from tests.test_imports import BLOCKED, ROOT

BLOCK = (
    "import importlib.abc, sys\n"
    "class Block(importlib.abc.MetaPathFinder):\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    f"        if name.partition('.')[0] in {(*BLOCKED, 'onnx', 'onnxscript')!r}:\n"
    "            raise ImportError(f'{name} is blocked')\n"
    "sys.meta_path.insert(0, Block())\n"
    "from fxkit.cli import main\n"
    "for line in sys.stdin.read().splitlines():\n"
    "    try:\n"
    "        main(line.split('|'))\n"
    "    except SystemExit as stop:\n"
    "        assert not stop.code, (line, stop.code)\n"
)


@pytest.mark.slow
def test_an_onnx_file_is_evaluated_tested_and_mapped_without_torch(marker_films: Path, tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten(), torch.nn.Linear(9, 2))
    torch.onnx.export(
        network.eval(), (torch.zeros(1, 1, 24, 24),), str(tmp_path / "m.onnx"), dynamo=False, input_names=["input"]
    )
    lines = (marker_films.parent / "manifest.csv").read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join(lines[:13] + lines[-12:]) + "\n")
    model = f"--model|m.onnx|--classes|{','.join(CLASSES)}|--scale|logit"
    commands = [
        f"evaluate|{model}|--manifest|few.csv|--root|{marker_films}|--out|out",
        f"ablate|masked-vs-raw|{model}|--out|out|--seeds|0",
        f"cam|out|{model}|--limit|1",
        "audit|out",
    ]
    done = subprocess.run(
        [sys.executable, "-c", BLOCK], input="\n".join(commands), capture_output=True, text=True, cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "ablation.json").is_file()
    assert "markers" in (tmp_path / "out" / "audit.md").read_text()
