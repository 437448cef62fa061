"""Several processes: together they see each film once, and their model equals that of one process."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fxkit.config import load_config
from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import usable, write_manifest
from fxkit.index.build import IndexOptions, index_data
from fxkit.models.backbones import build_preprocessing
from fxkit.synth.dataset import Synthetic
from fxkit.training.films import Films, check_records
from fxkit.training.history import read_history

CONFIG = load_config("tiny", ["data.image_size=32", "data.batch_size=4"])


@pytest.fixture(scope="module")
def films(made: Synthetic) -> Films:
    index = index_data(made.root, IndexOptions(copies=False))
    preprocessing = build_preprocessing(CONFIG.model, CONFIG.data)
    return Films(CONFIG, open_image_root(index.root), index.records, check_records(index.records), preprocessing)


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_each_validation_film_counts_once(films: Films, processes: int) -> None:
    parts = [list(films.val_loader((rank, processes))) for rank in range(processes)]
    assert len({len(part) for part in parts}) == 1
    counted = Counter(int(label) for part in parts for _, labels in part for label in labels if label >= 0)
    truth = Counter(films.classes.index(r.label) for r in usable(films.records, "val"))
    assert counted == truth


@pytest.mark.parametrize("processes", [2, 3])
def test_no_training_file_is_in_two_shares(films: Films, processes: int) -> None:
    shares = [films.train_loader("head", 0, (rank, processes)).dataset.indices for rank in range(processes)]  # type: ignore[attr-defined]
    assert len({len(share) for share in shares}) == 1
    together = [index for share in shares for index in share]
    assert len(set(together)) == len(together)
    assert len(together) > len(usable(films.records, "train")) - 2 * processes


@pytest.mark.slow
def test_two_processes_train_the_same_model_as_one(made: Synthetic, tmp_path: Path) -> None:
    """With half the batch per process, no dropout and no class weights, both steps agree up to rounding."""
    records = [r for r in index_data(made.root, IndexOptions(copies=False)).records if r.split != "val"]
    validation = [r for r in index_data(made.root, IndexOptions(copies=False)).records if r.split == "val"][:-1]
    n_training = len([r for r in records if r.split == "train"]) // 8 * 8
    training = [r for r in records if r.split == "train"][:n_training]
    write_manifest(tmp_path / "manifest.csv", [*training, *validation])
    arguments = [str(Path(sys.executable).with_name("fxkit")), "train", "--config", "tiny", "--quiet"]
    arguments += ["--manifest", str(tmp_path / "manifest.csv"), "--root", str(made.root), "--runs", str(tmp_path)]
    arguments += ["--set", "model.dropout=[0, 0]", "--class-weights", "none", "--accelerator", "cpu"]
    arguments += ["--image-size", "64", "--epochs", "2,0"]
    two = ["--devices", "2", "--strategy", "ddp", "--batch-size", "4", "--name", "two"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for options in (["--devices", "1", "--batch-size", "8", "--name", "one"], two):
        subprocess.run([*arguments, *options], check=True, capture_output=True, env=environment, timeout=300)
    one, both = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(both[key], one[key], atol=1e-4) for key in one)
    for a, b in zip(*(read_history(tmp_path / name / "history.csv") for name in ("one", "two")), strict=True):
        assert float(a["val_loss"]) == pytest.approx(float(b["val_loss"]), abs=1e-4)
        assert float(a["val_auroc"]) == pytest.approx(float(b["val_auroc"]), abs=1e-6)
