"""One small trained run that the tests of what comes after training share."""

import pytest

from fxkit.config import load_config
from fxkit.data.index import index_data
from fxkit.run import Run, open_run
from fxkit.synth import Synthetic
from fxkit.train import train


@pytest.fixture(scope="session")
def trained(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny model trained on the made films; read only."""
    found = index_data(made.root)
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train(load_config("tiny", ["data.image_size=64"]), found.root, found.records, folder)
    return open_run(folder)
