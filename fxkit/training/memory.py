"""A batch too large for the memory: found by one step before the first epoch, and told with one that fits."""

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
    """Return whether an error says that memory is full: Python's, CUDA's, or torch's of the processor's memory."""
    texts = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error).lower() for text in texts)
    )


def fits(step: Callable[[int], None], batch_size: int) -> bool:
    """Return whether a step with this batch size has room; other errors of the step are raised."""
    try:
        step(batch_size)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
    else:
        return True
    gc.collect()  # after the handler, or its traceback would hold the step's tensors
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False


def fitting_batch_size(step: Callable[[int], None], batch_size: int) -> int:
    """Return batch_size halved until a step with it fits; 0 where not even one film does."""
    while batch_size and not fits(step, batch_size):
        batch_size //= 2
    return batch_size


def check_memory(step: Callable[[int], None], config: Config) -> None:
    """Raise ConfigError with a batch size that fits unless the set one does.

    Args:
        step: does a training step with a number of films, and raises where memory is full.
    """
    size = config.data.batch_size
    found = fitting_batch_size(step, size)
    if found == size:
        return
    if found == 0:
        raise ConfigError(
            "data.batch_size: not even one film fits in memory; give a smaller --image-size or another --backbone"
        )
    times = config.optim.accumulate * -(-size // found)
    raise ConfigError(
        f"data.batch_size = {size}: does not fit in memory; {found} fits: give --batch-size {found}, and "
        f"--accumulate {times} for steps of as many films"
    )


def training_step(classifier: Classifier, config: Config, trainer: L.Trainer, image_size: int) -> Callable[[int], None]:
    """Return a function that takes a step on a copy of classifier, as set to be trained, with films of noise.

    It runs on the trainer's device in its precision, and leaves torch's random numbers alone.
    """
    device, plugin = trainer.strategy.root_device, trainer.precision_plugin

    def step(batch_size: int) -> None:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            model = copy.deepcopy(classifier).to(device)
            plugin.convert_module(model)
            if batch_size > 1:  # a batch of one cannot be normalised over
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
