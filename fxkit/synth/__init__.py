"""Make radiograph-like films with known truth: anatomy, exposure, markers, then the data set."""

from fxkit.synth.dataset import Synthetic, synth

__all__ = ["Synthetic", "synth"]
