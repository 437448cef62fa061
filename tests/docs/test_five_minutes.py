"""The five-minute tour works; it has a file of its own so that it runs beside the tutorials."""

from pathlib import Path

import pytest

from .conftest import DOCS, run_page


@pytest.mark.slow
def test_the_code_of_the_five_minute_tour_runs(tmp_path: Path) -> None:
    run_page(DOCS / "five-minutes.md", tmp_path)
