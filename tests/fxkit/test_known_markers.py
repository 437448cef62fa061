"""Markers are read where they are, or refused."""

from pathlib import Path

import pytest

from fxkit.known_markers import read_known_markers
from preprocess.errors import OutputError


def test_a_place_without_a_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no ledger can be read"):
        read_known_markers(tmp_path)
