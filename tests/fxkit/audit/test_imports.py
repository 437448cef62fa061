"""The audit and the comparison of runs only read files, so they must import without deep-learning libraries."""

import subprocess
import sys

BLOCKED = ("torch", "timm", "lightning", "faiss", "easyocr", "albumentations")

IMPORT_ALL = f"""
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocker())
import fxkit.audit
import fxkit.evaluation.compare_runs
for module in pkgutil.iter_modules(fxkit.audit.__path__):
    importlib.import_module(f"fxkit.audit.{{module.name}}")
"""


def test_audit_and_compare_runs_import_without_deep_learning_libraries():
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
