"""Divide groups into train, val and test, and into folds."""
