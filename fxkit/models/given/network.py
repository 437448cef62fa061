"""A model made elsewhere, ready to predict films."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Grey
from fxkit.models.given.film_input import FilmInput
from fxkit.models.given.outputs import Floats, Outputs, as_matrix
from preprocess.images import Array

PROBE_PX = (96, 80)  # height, width of the test pictures


@dataclass(frozen=True)
class GivenCard:
    """The description of a model made elsewhere.

    Attributes:
        classes: of two, the second is the positive class.
        threshold: probability from which a film counts as positive.
        sha256: hash that identifies the model: of its file, its weights, or its function's source file.
        cleaning: None; whoever wants cleaned films gives cleaned films.
    """

    classes: tuple[str, ...]
    threshold: float
    sha256: str
    cleaning: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class FilmModel:
    """A model made elsewhere; it is a `fxkit.models.predict_images.GivenNetwork`.

    Attributes:
        run: N prepared films -> (N, K) outputs.
        film_input: how a film is prepared; None: the model takes whole films.
        notes: what a user should know about the model besides its input and outputs.
    """

    card: GivenCard
    outputs: Outputs
    run: Callable[[Sequence[Array]], object]
    film_input: FilmInput | None = None
    notes: tuple[str, ...] = ()

    def prepare(self, film: Grey) -> Array:
        """Return what the model takes of one film, (H, W) uint8."""
        return film if self.film_input is None else self.film_input.prepare(film)

    def predict_prepared(self, prepared: Sequence[Array]) -> Floats:
        """Return (N, C) probabilities of N prepared films.

        Raises:
            RunError: the model failed, or its outputs are no probabilities.
        """
        return self.outputs.to_probabilities(self.run(prepared), len(prepared))

    def describe(self) -> list[str]:
        """Return lines that say what the model takes and returns, and what was guessed."""
        film_input = ["input: whole films, (H, W) uint8"] if self.film_input is None else self.film_input.describe()
        return [*film_input, *self.outputs.describe(), *self.notes]


def probe_pictures() -> list[Grey]:
    """Return four pictures, (96, 80) uint8, on which a model is tried: black, white, a ramp and noise."""
    height, width = PROBE_PX
    ramp = np.linspace(0, 255, width).astype(np.uint8)[None].repeat(height, axis=0)
    noise = np.random.default_rng(0).integers(0, 256, PROBE_PX).astype(np.uint8)
    return [np.zeros(PROBE_PX, np.uint8), np.full(PROBE_PX, 255, np.uint8), ramp, noise]


NORMALISED = "are --range, --mean and --std those of the training?"


def constant_note(probe: NDArray[np.float64], question: str = NORMALISED) -> tuple[str, ...]:
    """Warn if the outputs, (N, K), are the same for all test pictures.

    Args:
        question: what may be wrong.
    """
    if np.ptp(probe, axis=0).max() > 1e-6 * max(1.0, float(np.abs(probe).max())):
        return ()
    return (f"WARNING: the outputs are the same for black, white, a ramp and noise; {question}",)


BATCH_TOLERANCE = 5e-3  # of the largest output; sums of 16 bits in another order differ less


def batch_note(
    run: Callable[[Sequence[Array]], object], prepared: Sequence[Array], probe: NDArray[np.float64]
) -> tuple[str, ...]:
    """Warn if the outputs (N, K) of a film change with the other films of its batch, or from call to call.

    A network of PyTorch that was left in training mode does both.
    """
    again = as_matrix(run(prepared[:0:-1]), "the model", len(prepared) - 1)
    if np.abs(again - probe[:0:-1]).max() <= BATCH_TOLERANCE * max(1.0, float(np.abs(probe).max())):
        return ()
    return (
        "WARNING: the outputs of a film change with the other films of a batch, or by chance; call .eval() on a "
        "network of PyTorch, and keep the order of the films",
    )
