"""What several tests share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fxkit.synth.dataset import Synthetic, SynthOptions, synth

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real radiographs that lie beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Synthetic:
    """24 small made films with two copies each; read only."""
    return synth(tmp_path_factory.mktemp("made") / "films", SynthOptions(films=24, copies=2, size_px=160, copy_px=96))


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two Dask workers of one thread each, on this machine alone."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as made:
        yield made
