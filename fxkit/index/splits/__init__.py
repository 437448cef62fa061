"""Divide groups into train, val, test and folds."""
