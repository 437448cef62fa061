"""The memory check: it runs before training and suggests a batch size that a step fitted."""

import pytest
import torch

from fxkit.config import Config, DataConfig, ModelConfig, OptimConfig, TrainerConfig
from fxkit.errors import ConfigError
from fxkit.models.classifier import build_classifier, set_trainable
from fxkit.training.memory import build_step, check_batch_of_one, check_memory, fits, fitting_batch_size, out_of_memory
from fxkit.training.phases import check_trainer

CPU = Config(trainer=TrainerConfig(accelerator="cpu", loggers=()))
TEXTS = ["CUDA out of memory. Tried to allocate 20.00 MiB", "DefaultCPUAllocator: can't allocate memory: you tried"]


def full_above(films: int, error: type[BaseException] = torch.OutOfMemoryError, text: str = TEXTS[0]):  # type: ignore[no-untyped-def]
    def step(batch_size: int) -> None:
        if batch_size > films:
            raise error(text)

    return step


@pytest.mark.slow
@pytest.mark.parametrize(("films", "fitting"), [(64, 64), (63, 32), (5, 4), (1, 1), (0, 0)])
def test_the_batch_size_is_halved_until_a_step_fits(films: int, fitting: int) -> None:
    assert fitting_batch_size(full_above(films), 64) == fitting


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError(TEXTS[0]), RuntimeError(TEXTS[1])])
def test_out_of_memory_errors_are_recognised(error: BaseException) -> None:
    assert out_of_memory(error)


def test_other_errors_are_raised() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fits(full_above(0, RuntimeError, "shapes cannot be multiplied"), 1)


def test_the_error_suggests_a_batch_size_that_fits() -> None:
    config = Config(data=DataConfig(batch_size=48), optim=OptimConfig(accumulate=2))
    words = "data.batch_size = 48: does not fit in memory; 12 fits: use --batch-size 12, and --accumulate 8 "
    with pytest.raises(ConfigError, match=words):
        check_memory(full_above(20), config)
    check_memory(full_above(48), config)


@pytest.mark.slow
def test_an_error_is_raised_if_no_film_fits() -> None:
    with pytest.raises(
        ConfigError, match=r"data\.batch_size = 32: not even one film fits in memory; use a smaller --image-size"
    ):
        check_memory(full_above(0), Config())


def test_the_step_changes_neither_weights_nor_the_random_state() -> None:
    model = build_classifier(ModelConfig(backbone="test_resnet", pretrained=False, hidden=8), 2)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    state = torch.random.get_rng_state()
    build_step(model, CPU, check_trainer(CPU), 64)(3)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_a_batch_of_one_film_is_refused_where_batch_norms_would_see_one_value() -> None:
    config = Config(model=ModelConfig(backbone="test_resnet", pretrained=False), data=DataConfig(batch_size=1))
    classifier = build_classifier(config.model, 2)
    set_trainable(classifier, "conv1")
    with pytest.raises(ConfigError, match=r"data\.batch_size = 1: .+ at data\.image_size = 32; use --batch-size 2"):
        check_batch_of_one(classifier, config, 32)
    before = {key: tensor.clone() for key, tensor in classifier.state_dict().items()}
    check_batch_of_one(classifier, config, 128)
    assert all(torch.equal(before[key], tensor) for key, tensor in classifier.state_dict().items())
