"""How metrics are named in reports."""

NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "brier": "Brier score (lower is better)",
    "log_loss": "log loss (lower is better)",
    "macro_auroc": "AUROC, mean over classes",
    "macro_f1": "F1, mean over classes",
}


def metric_name(key: str) -> str:
    """Return the name of a metric for readers, from its key in metrics.json."""
    for prefix in ("recall_", "precision_"):
        if key.startswith(prefix):
            return f"{prefix[:-1]}: {key.removeprefix(prefix)}"
    return NAMES.get(key, key)
