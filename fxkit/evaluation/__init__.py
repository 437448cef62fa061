"""Evaluate a run, compare two runs, and pool out-of-fold predictions."""
