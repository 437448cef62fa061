"""Evaluate predictions of models that were made elsewhere; needs no torch."""
