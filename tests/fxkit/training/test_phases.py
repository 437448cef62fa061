"""Settings that are refused before a phase starts."""

import pytest

from fxkit.config import load_config
from fxkit.errors import ConfigError
from fxkit.training.phases import check_trainer

TWO = ["trainer.accelerator=cpu", "trainer.devices=2", "optim.unfreeze_every=1"]


def test_several_processes_that_would_wait_for_frozen_stages_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"optim.unfreeze_every: 2 processes would wait.*ddp_find_unused_parameters_true"
    ):
        check_trainer(load_config("tiny", [*TWO, "trainer.strategy=ddp"]))
    check_trainer(load_config("tiny", [*TWO, "trainer.strategy=ddp_find_unused_parameters_true"]))
