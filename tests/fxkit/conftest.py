"""One small trained run and its ONNX export, which the tests of everything after training share."""

from pathlib import Path

import pytest

from fxkit.config import load_config
from fxkit.index.build import index_data
from fxkit.models.export import export_model
from fxkit.models.run_folder import Run, open_run
from fxkit.synth.dataset import Synthetic
from fxkit.training.train import train


@pytest.fixture(scope="session")
def trained(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny model trained on the synthetic films; read only."""
    index = index_data(made.root)
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train(load_config("tiny", ["data.image_size=64"]), index.root, index.records, folder)
    return open_run(folder)


@pytest.fixture(scope="session")
def exported(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as an ONNX file; read only."""
    return export_model(trained.folder, "onnx", tmp_path_factory.mktemp("exported") / "tiny.onnx").path
