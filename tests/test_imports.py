"""The import rules, read from the sources, and what `fxkit --help` loads."""

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
LIGHT_OURS = ("fxkit.cli", "preprocess.errors", "fxkit.errors")
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


def imported(body: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """Names of the modules, and of what is taken from them, that these nodes import."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_top(tree: ast.Module) -> Iterator[ast.stmt]:
    """What runs when the file is imported: its statements, less those for type checkers only."""
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from (child for child in ast.walk(node) if isinstance(child, ast.stmt))
        yield node


def test_there_is_something_to_read() -> None:
    assert len(FXKIT) > 10
    assert len(PREPROCESS) > 5


@pytest.mark.parametrize("path", PREPROCESS, ids=name_of)
def test_preprocess_never_imports_fxkit(path: Path) -> None:
    names = imported(ast.walk(ast.parse(path.read_text())))
    assert [name for name in names if name.split(".")[0] == "fxkit"] == []


@pytest.mark.parametrize("path", [*FXKIT, *PREPROCESS], ids=name_of)
def test_only_preprocess_images_decodes(path: Path) -> None:
    """It decodes DICOM with `preprocess.dicom.decode_dicom`, which nothing else may use."""
    if name_of(path) in ("preprocess/images.py", "preprocess/dicom.py"):
        return
    tree = ast.parse(path.read_text())
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    assert used & DECODERS == set()
    taken = {name for name in imported(ast.walk(tree)) if name in DECODERS}
    assert taken == set()


LIGHT_FILES = [
    ROOT / "fxkit" / "__init__.py",
    ROOT / "preprocess" / "__init__.py",
    ROOT / "fxkit" / "errors.py",
    ROOT / "preprocess" / "errors.py",
    *sorted((ROOT / "fxkit" / "cli").glob("*.py")),
]


@pytest.mark.parametrize("path", LIGHT_FILES, ids=name_of)
def test_the_top_of_light_files_imports_nothing_heavy(path: Path) -> None:
    names = list(imported(list(at_top(ast.parse(path.read_text())))))
    assert [name for name in names if name.split(".")[0] not in LIGHT] == []
    ours = [name for name in names if name.split(".")[0] in ("fxkit", "preprocess")]
    assert [name for name in ours if not name.startswith(LIGHT_OURS) and name != "fxkit.__version__"] == []


@pytest.mark.parametrize("path", [*FXKIT, *PREPROCESS], ids=name_of)
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
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
    "fxkit.ablation.result",
    "fxkit.ablation.settings",
    "fxkit.models.exported",
    "fxkit.models.engines",
    "fxkit.models.model_json",
    "fxkit.models.predict_images",
    "fxkit.models.run_folder",
)

NEEDS_TORCH = ("preprocess.markernet.network", "preprocess.markernet.training", "preprocess.markernet.tuning")


def test_what_only_reads_films_and_files_needs_no_torch() -> None:
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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("package", ["fxkit.audit.page", "fxkit.evaluation.compare_runs", "fxkit.report.build"])
def test_audit_report_and_compare_load_no_copy_search(package: str) -> None:
    code = f"import sys, {package}; print([m for m in ('torch', 'timm', 'faiss') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["index", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from fxkit.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as done:\n"
        "    assert not done.code, done.code\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
