"""Search for the learning rate of the head: increase it after every step and record the loss."""

import copy
import io
import math
import tempfile
from dataclasses import dataclass

import lightning as L
from lightning.pytorch.tuner.tuning import Tuner
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fxkit.config import Config
from fxkit.errors import ConfigError
from fxkit.models.classifier import Classifier, set_trainable
from fxkit.training.films import Films
from fxkit.training.learner import Learner

STEPS = 100

LOWEST, HIGHEST = 1e-6, 1.0


@dataclass(frozen=True)
class RateSearch:
    """The result of a learning-rate search.

    Attributes:
        losses: smoothed training loss at each rate.
        suggestion: rate at which the loss falls most steeply; None if the loss does not fall.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float | None


def find_rate(classifier: Classifier, films: Films, *, steps: int = STEPS) -> RateSearch:
    """Search for a learning rate: train the head of a copy of the classifier for one step with each rate.

    Raises:
        ConfigError: see `check_rate_search`.
    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.
    """
    check_rate_search(films.config)
    classifier = copy.deepcopy(classifier)
    set_trainable(classifier, None)
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            **films.config.trainer.arguments(),
            max_epochs=steps,
            default_root_dir=folder,
            logger=False,
            use_distributed_sampler=False,
            check_val_every_n_epoch=steps + 1,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        learner = Learner(classifier, films, "head")
        result = Tuner(trainer).lr_find(learner, min_lr=LOWEST, max_lr=HIGHEST, num_training=steps, update_attr=False)
    assert result is not None  # Lightning returns None only for 0 steps
    rates, losses = (tuple(map(float, result.results[key])) for key in ("lr", "loss"))
    suggestion = result.suggestion()
    falls = suggestion is not None and min(losses[1:], default=math.inf) < losses[0]
    return RateSearch(rates, losses, suggestion if falls else None)


def check_rate_search(config: Config) -> None:
    """Raise ConfigError if no phase trains the head alone in steps: then there is no rate to search for."""
    if config.optim.head == "probe":
        raise ConfigError(
            "--lr-find: optim.head = probe fits the head without a learning rate; set optim.head=adamw, or "
            "remove --lr-find"
        )
    if config.optim.epochs[0] == 0:
        raise ConfigError(
            f"--lr-find: optim.epochs = {list(config.optim.epochs)} has no epoch that trains the head alone; expected "
            "1 or more as the first number; change it, or remove --lr-find"
        )


def draw_rates(search: RateSearch) -> bytes:
    """Draw the loss against the learning rate, and mark the suggestion; return PNG bytes."""
    figure = Figure(figsize=(5, 3.4), layout="constrained", dpi=160)
    axes = figure.add_subplot()
    axes.plot(search.rates, search.losses, color="#0072B2", lw=1.8)
    if search.suggestion is not None:
        axes.axvline(search.suggestion, color="#D55E00", ls="--", label=f"suggested: {search.suggestion:.2g}")
        axes.legend(frameon=False)
    axes.set(xscale="log", xlabel="learning rate of the head", ylabel="training loss, smoothed")
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(out, format="png", metadata={"Software": None})
    return out.getvalue()
