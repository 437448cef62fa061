"""`fxkit ablate masked-vs-raw` with a model made elsewhere, through the commands alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from fxkit.cli.ablate import ablate
from fxkit.cli.audit import audit
from fxkit.cli.evaluate import evaluate

Invoke = Callable[..., Result]

MODULE = "tests.fxkit.marker_films"


@pytest.fixture(scope="module")
def tested(marker_films: Path, tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> dict[str, Any]:
    """Evaluate and test both functions; return the folder, the printed lines and the audit's answer of each."""
    results = {}
    for name in ("reads_marker", "reads_bone"):
        out, model = tmp_path_factory.mktemp(name) / "out", ["--predictor", f"{MODULE}:{name}"]
        films = ["--manifest", marker_films.parent / "manifest.csv", "--root", marker_films]
        invoke(evaluate, *model, *films, "--out", out)
        run = invoke(ablate, "masked-vs-raw", *model, "--out", out, "--seeds", "0")
        answers = json.loads(invoke(audit, out, "--json").stdout)["answers"]
        results[name] = (out, run.stdout.splitlines(), next(a for a in answers if a["key"] == "markers"))
    return results


@pytest.mark.slow
def test_a_function_that_reads_the_markers_corner_relies_on_markers(tested: dict[str, Any]) -> None:
    out, lines, answer = tested["reads_marker"]
    assert "verdict: reliance" in lines
    assert "mode given: the given model was tested as it is; nothing was trained" in lines
    assert answer["colour"] == "red"
    assert "the given model uses the markers" in answer["reason"]
    result = json.loads((out / "ablation.json").read_text())
    assert result["model"] == f"{MODULE}:reads_marker"
    by_arm = {cell["tested"]: cell["value"] for cell in result["cells"]}
    assert by_arm["raw"] > 0.85
    assert by_arm["markers"] > 0.85
    assert abs(by_arm["cleaned"] - 0.5) < 0.2
    assert by_arm["swapped-same"] - by_arm["swapped"] > 0.5


def test_a_function_that_reads_the_bone_does_not(tested: dict[str, Any]) -> None:
    out, lines, answer = tested["reads_bone"]
    assert "verdict: no evidence" in lines, lines
    assert answer["colour"] == "green"
    result = json.loads((out / "ablation.json").read_text())
    assert result["findings"] == []
    assert all(flip["by_marker"] == 0 for flip in result["flips"])
