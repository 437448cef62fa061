"""Evaluate a run, compare two runs, pool out-of-fold predictions."""
