"""A baseline that is fitted quickly, for all tests of the data card."""

import pytest

from fxkit.index.datacard import baseline


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "TREES", 20)
    monkeypatch.setattr(baseline, "REPEATS", 1)
