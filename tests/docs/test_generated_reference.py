"""The parts of the reference that come from the code."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[2] / "docs" / "_extensions" / "generated_reference.py"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The Sphinx extension as a module."""
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("generated_reference", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_schemas_show_the_keys_that_are_computed(reference: ModuleType) -> None:
    blocks = re.findall(r"^### (.*?)$.*?```json\n(.*?)```", reference.schemas(), re.MULTILINE | re.DOTALL)
    schemas = {title: json.loads(text) for title, text in blocks}
    assert schemas.keys() == reference.SCHEMAS.keys()
    assert {"positive", "single_class", "classes"} <= schemas["metrics.json"]["properties"].keys()
    for title in ("data.json", "attention.json", "ablation.json"):
        assert "positive" in schemas[title]["properties"]
    assert "verdict" in schemas["attention.json"]["$defs"]["Share"]["properties"]
    assert "leak" in schemas["data.json"]["properties"]  # the key in the file, not the name of the attribute
