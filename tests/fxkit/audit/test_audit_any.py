"""`fxkit.audit` is a package and a function: it audits folders, results, tables and arrays."""

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fxkit
from fxkit.audit.audit_any import audit
from fxkit.audit.result import Audit
from fxkit.errors import RunError

QUESTIONS = 11


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    """Predictions of 120 patients with two films each."""
    rng = np.random.default_rng(5)
    patients = np.arange(240) // 2
    y = rng.integers(0, 2, 120)[patients]
    p = np.clip(0.4 * y + 0.6 * rng.random(240), 0, 1)
    return {"y_true": y, "y_score": p, "films": {"path": [f"{n}.png" for n in range(240)], "patient": patients}}


@pytest.fixture(scope="module")
def audited(arrays: dict[str, Any]) -> Audit:
    trained = {"path": ["0.png", "new.png"], "patient": [0, 500]}
    return fxkit.audit(arrays["y_true"], arrays["y_score"], films=arrays["films"], trained_on=trained)


ORDERS = [
    "import fxkit; import fxkit.audit.page",
    "from fxkit.audit.page import build_audit; import fxkit",
    "import fxkit; fxkit.audit; import fxkit.audit.rules",
    "import fxkit; fxkit.build_audit",
    "from fxkit import audit; import fxkit; audit.__call__",
]


@pytest.mark.parametrize("code", ORDERS)
def test_the_name_is_the_function_in_whatever_order_modules_are_imported(code: str) -> None:
    check = (
        "assert callable(fxkit.audit); from fxkit.audit.rules import RULES; import fxkit.audit.page as page;"
        "from unittest.mock import patch; patch('fxkit.audit.page.build_audit').start(); assert callable(fxkit.audit);"
        "import inspect; print(next(iter(inspect.signature(fxkit.audit).parameters)))"
    )
    done = subprocess.run([sys.executable, "-c", f"{code}; {check}"], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "subject", done.stderr


def test_the_package_has_the_signature_of_the_function() -> None:
    assert inspect.signature(fxkit.audit) == inspect.signature(audit)
    assert importlib.import_module("fxkit.audit") is fxkit.audit


def test_answers_are_typed_and_counted(audited: Audit) -> None:
    assert len(audited) == len(audited.answers) == QUESTIONS
    leak = audited["leak"]
    assert (leak.verdict, leak.colour) == ("fail", "red")
    assert leak.question == "Do training data leak into the test set?"
    assert leak.reason
    assert audited.worst == "fail"
    assert audited.counts["fail"] == sum(answer.verdict == "fail" for answer in audited) >= 1
    assert sum(audited.counts.values()) == QUESTIONS
    assert audited["markers"].command  # how to test it
    with pytest.raises(KeyError, match="nonsense"):
        audited["nonsense"]


def test_it_is_text_json_and_columns(audited: Audit) -> None:
    assert json.loads(json.dumps(audited.to_dict())) == json.loads((audited.page.parent / "audit.json").read_text())
    columns = audited.to_columns()
    assert columns["verdict"][columns["key"].index("leak")] == "fail"
    lines = repr(audited).splitlines()
    assert len(lines) == 1 + QUESTIONS + 1
    assert any(line.startswith("✗ fail        Do training data leak") for line in lines)


def test_the_notebook_shows_colours_words_and_no_temporary_path(audited: Audit) -> None:
    html = audited._repr_html_()
    assert '<div class="question red">' in html
    assert html.count('<div class="question ') == QUESTIONS
    assert html.count("data:image/png;base64,") == 1
    for foreign in ("<script", "http", str(audited.page.parent)):
        assert foreign not in html


def test_a_result_its_folder_and_its_table_have_the_same_answers(arrays: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "results"
    result = fxkit.evaluate(arrays["y_true"], arrays["y_score"], films=arrays["films"], out=out)
    answers = [fxkit.audit(subject).answers for subject in (result, out, str(out))]
    assert answers[0] == answers[1] == answers[2]
    from_file = fxkit.audit(out / "given.csv", key="path", truth="y_true", scores=["1=y_score"])
    assert [(a.key, a.colour, a.reason) for a in from_file] == [(a.key, a.colour, a.reason) for a in answers[0]]


def test_an_audit_keeps_the_temporary_folder_of_its_result(arrays: dict[str, Any]) -> None:
    result = fxkit.evaluate(arrays["y_true"], arrays["y_score"])
    audited = fxkit.audit(result)
    del result
    assert audited.page.is_file()


def test_wrong_subjects_are_refused(arrays: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="none"):
        fxkit.audit(tmp_path / "none")
    result = fxkit.evaluate(arrays["y_true"], arrays["y_score"])
    with pytest.raises(
        TypeError, match="audit\\(\\) got 'trained_on', which is for predictions that are not evaluated"
    ):
        fxkit.audit(result, trained_on={"path": ["a"]})
    with pytest.raises(RunError, match=r"card\.json"):
        fxkit.audit(result, data_card=tmp_path / "card.json")
