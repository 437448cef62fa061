import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "timm", "lightning", "easyocr", "albumentations", "pydicom", "rapidocr")
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "preprocess").rglob("*.py"))
    if "markernet" not in path.parent.parts  # the network's training needs torch
]


def loaded_by(modules: list[str], names: tuple[str, ...]) -> list[str]:
    code = f"import importlib, json, sys\nfor m in {modules!r}: importlib.import_module(m)\n"
    code += f"print(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout)


def test_preprocess_imports_neither_torch_nor_ocr() -> None:
    assert len(MODULES) > 25
    assert loaded_by(MODULES, HEAVY) == []


def test_settings_and_file_rules_load_no_image_library() -> None:
    modules = ["preprocess.settings", "preprocess.yaml_files", "preprocess.image_files", "preprocess.listing"]
    assert loaded_by(modules, (*HEAVY, "cv2", "PIL", "numpy")) == []
