"""Fixtures that all tests share: data, and a Dask cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fxkit.synth.dataset import Synthetic, SynthOptions, synth

if TYPE_CHECKING:
    from fxkit.index.build import Index

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real radiographs beside the repository. Tests that need it are skipped if it is missing."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Synthetic:
    """24 small synthetic films with two copies each. Tests must not change them."""
    return synth(tmp_path_factory.mktemp("made") / "films", SynthOptions(films=24, copies=2, size_px=160, copy_px=96))


@pytest.fixture(scope="session")
def made_index(made: Synthetic) -> "Index":
    """The made films with their groups and splits. Their copies are compared only once, which takes some seconds."""
    from fxkit.index.build import index_data

    return index_data(made.root)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Dask cluster on this machine: two workers with one thread each."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as local_cluster:
        yield local_cluster
