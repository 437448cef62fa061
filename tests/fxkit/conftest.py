"""A small trained run and its ONNX export, for all tests that need a trained model."""

import shutil
from pathlib import Path

import pytest

from fxkit.config import load_config
from fxkit.data.manifest import write_manifest
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.models.export import export_model
from fxkit.models.run_folder import Run, open_run
from fxkit.training.train import train
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from tests.fxkit.marker_films import write_marker_films


@pytest.fixture(scope="session")
def trained(made_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of a tiny model that was trained on the synthetic films. Tests must not change it."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train(load_config("tiny", ["data.image_size=64"]), made_index.root, made_index.records, folder)
    return open_run(folder)


@pytest.fixture
def run_folder(trained: Run, tmp_path: Path) -> Path:
    """A copy of the tiny run that the test may change."""
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


@pytest.fixture(scope="session")
def exported(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as an ONNX file. Tests must not change it."""
    return export_model(trained.folder, "onnx", tmp_path_factory.mktemp("exported") / "tiny.onnx").path


@pytest.fixture(scope="session")
def marker_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films whose marker's corner tells the class. Tests must not change them.

    Beside the folder are the cleaned films, and manifest.csv, in which each film is a group.
    """
    root = write_marker_films(tmp_path_factory.mktemp("marker_films") / "films")
    records = index_data(root / "truth.csv", IndexOptions(copies=False, split="none")).records
    write_manifest(root.parent / "manifest.csv", records)
    clean_folder(root, root.parent / "films-clean", FolderOptions(markers=root / "markers.json"))
    return root
