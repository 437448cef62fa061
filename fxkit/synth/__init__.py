"""Make radiograph-like films with known ground truth: anatomy, exposure and markers."""

from fxkit.synth.dataset import Synthetic, SynthOptions, synth

__all__ = ["SynthOptions", "Synthetic", "synth"]
