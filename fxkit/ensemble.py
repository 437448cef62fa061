"""Several classifiers as one: the mean of their probabilities."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fxkit.model import Classifier


class Ensemble(nn.Module):
    """Classifiers of the same classes and input: (N, 3, S, S) float32, normalised -> (N, C) float32.

    The output is the logarithm of the mean over members of their probabilities, so that a softmax gives that mean
    back, and whoever takes logits takes it unchanged.

    Attributes:
        members: the K classifiers.
        temperatures: (K,) float32; each member's logits are divided by its own.
    """

    temperatures: Tensor

    def __init__(self, members: Sequence[Classifier], temperatures: Sequence[float] = ()) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.register_buffer("temperatures", torch.tensor(temperatures or [1.0] * len(members)))

    def forward(self, images: Tensor) -> Tensor:
        logits = [member(images).float() / self.temperatures[i] for i, member in enumerate(self.members)]
        each = torch.stack(logits).log_softmax(2)
        return each.logsumexp(0) - math.log(len(self.members))
