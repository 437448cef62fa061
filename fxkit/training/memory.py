"""Check before the first epoch that a batch fits in memory; if not, suggest a batch size that does."""

import copy
import gc
from collections.abc import Callable

import lightning as L
import torch

from fxkit.config import Config
from fxkit.errors import ConfigError
from fxkit.models.classifier import Classifier, set_train_mode
from fxkit.training.optimizer import build_optimizer


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory is full: Python's error, CUDA's, or torch's for main memory."""
    texts = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error).lower() for text in texts)
    )


def fits(step: Callable[[int], None], batch_size: int) -> bool:
    """Return whether a step with this batch size fits in memory; other errors of the step are raised."""
    try:
        step(batch_size)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
    else:
        return True
    gc.collect()  # only here: inside the handler, the traceback would still hold the tensors of the step
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False


def fitting_batch_size(step: Callable[[int], None], batch_size: int) -> int:
    """Halve batch_size until a step fits in memory, and return it; 0 if a single film does not fit."""
    while batch_size and not fits(step, batch_size):
        batch_size //= 2
    return batch_size


def check_memory(step: Callable[[int], None], config: Config) -> None:
    """Raise ConfigError, with a batch size that fits, if a batch of the configured size does not fit in memory.

    Args:
        step: takes a training step with the given number of films, and raises if memory is full.
    """
    size = config.data.batch_size
    fitting = fitting_batch_size(step, size)
    if fitting == size:
        return
    if fitting == 0:
        raise ConfigError(
            f"data.batch_size = {size}: not even one film fits in memory; use a smaller --image-size or "
            "another --backbone"
        )
    accumulate = config.optim.accumulate * -(-size // fitting)
    raise ConfigError(
        f"data.batch_size = {size}: does not fit in memory; {fitting} fits: use --batch-size {fitting}, and "
        f"--accumulate {accumulate} to keep the number of films per step"
    )


@torch.no_grad()
def check_batch_of_one(classifier: Classifier, config: Config, image_size: int) -> None:
    """Refuse batches of one film if the backbone's batch normalisation would see a single value for each channel.

    Raises:
        ConfigError: the settings ask for such batches.
    """
    if config.data.batch_size > 1:
        return
    model = copy.deepcopy(classifier)
    set_train_mode(model)
    try:
        model(torch.zeros(1, 3, image_size, image_size))
    except ValueError as error:
        raise ConfigError(
            f"data.batch_size = 1: batch normalisation needs two films or more at data.image_size = {image_size}; use "
            "--batch-size 2, or a larger --image-size"
        ) from error


def build_step(classifier: Classifier, config: Config, trainer: L.Trainer, image_size: int) -> Callable[[int], None]:
    """Return a function that takes a training step with noise images, given their number.

    The step uses a copy of the classifier, and the device and precision of the trainer. It does not change the
    classifier or torch's random state.
    """
    device, plugin = trainer.strategy.root_device, trainer.precision_plugin

    def step(batch_size: int) -> None:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            model = copy.deepcopy(classifier).to(device)
            plugin.convert_module(model)
            if batch_size > 1:  # batch normalisation cannot train on a batch of one
                set_train_mode(model)
            optimizer = build_optimizer(model, config.optim, "finetune")
            images = plugin.convert_input(torch.randn(batch_size, 3, image_size, image_size, device=device))
            if config.trainer.channels_last:
                images = images.contiguous(memory_format=torch.channels_last)
            with plugin.train_step_context():
                loss = model(images).float().logsumexp(1).mean()
            loss.backward()
            optimizer.step()

    return step
