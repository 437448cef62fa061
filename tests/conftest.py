"""What several tests share."""

from pathlib import Path

import pytest

from fxkit.synth import Synthetic, synth

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
    return synth(tmp_path_factory.mktemp("made") / "films", films=24, copies=2, size_px=160, copy_px=96)
