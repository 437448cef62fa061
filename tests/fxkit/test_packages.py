"""Required and optional packages, and the explanation of a missing one."""

import ast
import configparser
import json
import re
from pathlib import Path

import pytest

from fxkit import cli, packages
from fxkit.packages import NEEDED_BY, OPTIONAL, explain_missing, requirements

ROOT = Path(__file__).parents[2]


def required_lines() -> list[str]:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lines = settings["options"]["install_requires"].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_a_light_install_requires_all_but_the_optional_packages() -> None:
    core = [line for line in required_lines() if line.split()[0] not in OPTIONAL.values()]
    listed = (ROOT / "requirements" / "core.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in listed if not line.startswith("#")] == core


def test_a_full_install_requires_every_optional_package() -> None:
    assert set(OPTIONAL.values()) <= {line.split()[0] for line in required_lines()}
    assert {name for names in NEEDED_BY.values() for name in names} == set(OPTIONAL.values())


def test_all_files_name_the_same_versions_of_python() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    first, last = map(int, re.findall(r"3\.(\d+)", settings["options"]["python_requires"]))
    versions = [f"3.{minor}" for minor in range(first, last)]
    for page in ("README.md", "docs/install.md"):
        assert f"Python {versions[0]} to {versions[-1]}" in (ROOT / page).read_text(encoding="utf-8")
    assert f"env_list = {json.dumps(versions)}" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_requirements_are_read_from_the_installed_metadata() -> None:
    lines = requirements()
    assert lines["timm"].startswith("timm")
    assert "optuna" not in lines  # it belongs to an extra


def imported_packages() -> set[str]:
    """Return the top-level names of all packages that the source files import."""
    names: set[str] = set()
    for path in [*(ROOT / "fxkit").rglob("*.py"), *(ROOT / "preprocess").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names


def test_every_optional_package_is_imported_somewhere() -> None:
    indirect = {"onnx", "onnxscript", "tensorboard"}  # imported by torch.onnx and by Lightning
    assert set(OPTIONAL) - indirect <= imported_packages()


def test_a_missing_optional_package_is_explained_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ("timm", "torch")
    monkeypatch.setattr(packages, "installed_version", lambda name: None if name in missing else "1")
    text = explain_missing("torch.nn")
    assert text is not None
    assert text.startswith("this command needs torch, which a light install leaves out; run: pip install 'timm")
    assert "'torch" in text
    assert "\n" not in text


@pytest.mark.parametrize("module", ["torch", "nonsense", None])
def test_other_import_errors_are_not_explained(module: str | None) -> None:
    assert explain_missing(module) is None  # torch is installed here


def test_the_command_line_names_the_missing_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'timm'", name="timm")

    monkeypatch.setattr(packages, "installed_version", lambda name: None if name == "timm" else "1")
    monkeypatch.setattr(cli.fxkit, "main", fail)
    with pytest.raises(SystemExit) as stop:
        cli.main(["train"])
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith("error: this command needs timm, which a light install leaves out; run:")
