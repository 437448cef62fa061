"""The tiny model, and copies of it with another card."""

from dataclasses import replace

import pytest

from fxkit.models.run_folder import Run
from fxkit.models.saved import Model, load_model


@pytest.fixture(scope="session")
def model(trained: Run) -> Model:
    """The tiny model; read only."""
    return load_model(trained.folder)


def with_card(model: Model, **changes: object) -> Model:
    """Return the model with other values in its card."""
    return Model(model.classifier, replace(model.card, **changes))  # type: ignore[arg-type]
