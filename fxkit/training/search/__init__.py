"""Search training settings with Optuna on grouped folds."""
