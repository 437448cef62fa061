"""Classify bone fractures on X-rays, and find out whether the score is honest.

The public Python API is the list of names below. They are imported on first use, so that `import fxkit` is fast and
works in a light install.
"""

from importlib import import_module

__version__ = "0.2.0"

# Public name -> module that defines it.
_MODULES = {
    # audit any model from a notebook
    "evaluate": "fxkit.evaluation.external.evaluate_any",
    "audit": "fxkit.audit.audit_any",
    "intervals": "fxkit.metrics.interval_table",
    "compare": "fxkit.evaluation.compare_any",
    "ablate": "fxkit.ablation.ablate_any",
    "explain_module": "fxkit.explain.modules",
    # read and clean
    "read_image": "preprocess.images",
    "clean_image": "fxkit.api",
    "clean_folder": "preprocess.folder.clean_folder",
    "CleanSettings": "preprocess.settings",
    "FolderOptions": "preprocess.folder.clean_folder",
    # index, find copies, split
    "index_data": "fxkit.index.build",
    "IndexOptions": "fxkit.index.build",
    "write_index": "fxkit.index.build",
    "read_manifest": "fxkit.data.manifest",
    "write_manifest": "fxkit.data.manifest",
    "Record": "fxkit.data.manifest",
    "find_copies": "fxkit.api",
    "CopyGroups": "fxkit.api",
    "CopyMatch": "fxkit.api",
    "assign_splits": "fxkit.index.splits.assign",
    "count_splits": "fxkit.data.manifest",
    "count_leaks": "fxkit.data.leaks",
    "write_data_card": "fxkit.index.datacard.page",
    # train, evaluate, predict
    "load_config": "fxkit.config",
    "Config": "fxkit.config",
    "train": "fxkit.training.train",
    "TrainOptions": "fxkit.training.train",
    "evaluate_run": "fxkit.evaluation.evaluate",
    "evaluate_other": "fxkit.evaluation.evaluate",
    "EvaluationOptions": "fxkit.evaluation.evaluate",
    "predict": "fxkit.api",
    # figures with intervals
    "Predictions": "fxkit.metrics.predictions",
    "Interval": "fxkit.metrics.intervals",
    "evaluate_predictions": "fxkit.metrics.summary",
    "group_interval": "fxkit.metrics.group_interval",
    "compare_predictions": "fxkit.evaluation.compare_runs",
    "compare_runs": "fxkit.evaluation.compare_runs",
    # trust
    "run_ablation": "fxkit.ablation.run",
    "read_ablation_settings": "fxkit.ablation.settings",
    "AblationOptions": "fxkit.ablation.settings",
    "build_report": "fxkit.report.build",
    "build_audit": "fxkit.audit.page",
}

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'fxkit' has no attribute {name!r}")
    found = getattr(import_module(_MODULES[name]), name)
    return globals().get(name, found)  # importing `fxkit.audit` has set the name to the package, which can be called


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
