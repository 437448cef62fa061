"""Import rules, checked in the source files, and the packages that `fxkit --help` loads."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FXKIT = sorted((ROOT / "fxkit").rglob("*.py"))
PREPROCESS = sorted((ROOT / "preprocess").rglob("*.py"))
SOURCES = [*FXKIT, *PREPROCESS]
LIGHT = {"click", "cloup", "fxkit", "preprocess", *sys.stdlib_module_names}
LIGHT_MODULES_OF_FXKIT = ("fxkit.cli", "preprocess.errors", "preprocess.words", "fxkit.errors")
DECODERS = {
    "preprocess.dicom.decode_dicom",
    "cv2.imread",
    "cv2.imdecode",
    "cv2.imreadmulti",
    "Image.open",
    "PIL.Image.open",
    "pydicom.dcmread",
    "plt.imread",
    "torchvision.io.read_image",
    "torchvision.io.decode_image",
    "ImageFolder",
    "tifffile.imread",
}
HEAVY = ("torch", "cv2", "numpy", "pydantic", "sklearn", "PIL", "lightning", "timm", "scipy", "matplotlib")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_names(body: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """Return the names that these nodes import. "from a import b" gives "a.b"."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_level_statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Return the statements that run when the file is imported. Imports for type checkers do not run."""
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from (child for child in ast.walk(node) if isinstance(child, ast.stmt))
        yield node


def test_the_source_files_are_found() -> None:
    assert len(FXKIT) > 10
    assert len(PREPROCESS) > 5


@pytest.mark.parametrize("path", PREPROCESS, ids=name_of)
def test_preprocess_never_imports_fxkit(path: Path) -> None:
    names = imported_names(ast.walk(ast.parse(path.read_text())))
    assert [name for name in names if name.split(".")[0] == "fxkit"] == []


@pytest.mark.parametrize("path", [*FXKIT, *PREPROCESS], ids=name_of)
def test_only_preprocess_images_decodes_image_files(path: Path) -> None:
    """Only that module may call `preprocess.dicom.decode_dicom`, which decodes DICOM files, and its other parts."""
    parts = ("preprocess/images.py", "preprocess/dicom.py", "preprocess/deep_tiff.py")
    if name_of(path) in parts or name_of(path).startswith("preprocess/formats/"):
        return
    tree = ast.parse(path.read_text())
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    assert used & DECODERS == set()
    imported_decoders = {name for name in imported_names(ast.walk(tree)) if name in DECODERS}
    assert imported_decoders == set()


LIGHT_FILES = [
    ROOT / "fxkit" / "__init__.py",
    ROOT / "preprocess" / "__init__.py",
    ROOT / "fxkit" / "errors.py",
    ROOT / "preprocess" / "errors.py",
    *sorted((ROOT / "fxkit" / "cli").glob("*.py")),
]


@pytest.mark.parametrize("path", LIGHT_FILES, ids=name_of)
def test_the_top_of_light_files_imports_nothing_heavy(path: Path) -> None:
    names = list(imported_names(list(top_level_statements(ast.parse(path.read_text())))))
    assert [name for name in names if name.split(".")[0] not in LIGHT] == []
    own_names = [name for name in names if name.split(".")[0] in ("fxkit", "preprocess")]
    assert [
        name for name in own_names if not name.startswith(LIGHT_MODULES_OF_FXKIT) and name != "fxkit.__version__"
    ] == []


@pytest.mark.parametrize("path", [*FXKIT, *PREPROCESS], ids=name_of)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    if "cli" in path.parts:
        return
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert [call for call in calls if call in ("print", "exit", "sys.exit", "click.echo", "input")] == []


BLOCKED = ("torch", "torchvision", "timm", "lightning", "easyocr", "albumentations", "pytorch_grad_cam", "tensorboard")

LIGHT_PACKAGES = (
    "fxkit.index",
    "fxkit.metrics",
    "fxkit.report",
    "fxkit.audit",
    "fxkit.synth",
    "fxkit.cli",
    "preprocess",
)

LIGHT_MODULES = (
    "fxkit.api",
    "fxkit.doctor",
    "fxkit.evaluation.analyses",
    "fxkit.evaluation.compare_runs",
    "fxkit.evaluation.films.cards",
    "fxkit.evaluation.films.errors",
    "fxkit.evaluation.films.label_errors",
    "fxkit.evaluation.films.tested",
    "fxkit.ablation.given",
    "fxkit.ablation.result",
    "fxkit.ablation.settings",
    "fxkit.evaluation.external.evaluate_model",
    "fxkit.explain.explain",
    "fxkit.explain.occlusion",
    "fxkit.models.exported",
    "fxkit.models.engines",
    "fxkit.models.given.onnx_file",
    "fxkit.models.given.open",
    "fxkit.models.hub",
    "fxkit.models.model_json",
    "fxkit.models.predict_images",
    "fxkit.models.predict_with",
    "fxkit.models.run_folder",
)

NEEDS_TORCH = (
    "preprocess.markernet.checkpoints",
    "preprocess.markernet.network",
    "preprocess.markernet.training",
    "preprocess.markernet.tuning",
)


def test_modules_that_only_read_files_need_no_torch() -> None:
    names = [name_of(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in SOURCES]
    light = [name for name in names if name.startswith(LIGHT_PACKAGES) or name in LIGHT_MODULES]
    light = [name for name in light if not name.startswith((*NEEDS_TORCH, "preprocess.markernet.weights"))]
    assert len(light) > 100
    code = (
        "import importlib, importlib.abc, sys\n"
        "class Block(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {BLOCKED!r}:\n"
        "            raise ImportError(f'{name} is blocked')\n"
        "sys.meta_path.insert(0, Block())\n"
        f"for name in {light!r}:\n"
        "    importlib.import_module(name)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize("package", ["fxkit.audit.page", "fxkit.evaluation.compare_runs", "fxkit.report.build"])
def test_audit_report_and_compare_load_neither_torch_nor_the_copy_search(package: str) -> None:
    code = f"import sys, {package}; print([m for m in ('torch', 'timm', 'faiss') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["index", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from fxkit.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-1] == "loaded: []"
