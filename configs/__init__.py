"""YAML presets of training, cleaning, ablations and search; installed as `fxkit.configs`."""
