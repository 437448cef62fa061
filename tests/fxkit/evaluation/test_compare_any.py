"""`fxkit.compare`: the same paired differences from arrays, results, folders, tables and files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fxkit
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.evaluation.compare_runs import Comparison


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    """A good and a weaker model on 150 patients with two films each."""
    rng = np.random.default_rng(2)
    patients = np.arange(300) // 2
    y = rng.integers(0, 2, 150)[patients]
    good = np.clip(0.5 * y + 0.5 * rng.random(300), 0, 1)
    return {"y": y, "good": good, "weak": np.clip(0.15 * y + 0.85 * rng.random(300), 0, 1), "patients": patients}


@pytest.fixture(scope="module")
def comparison(arrays: dict[str, Any]) -> Comparison:
    return fxkit.compare(arrays["good"], arrays["weak"], y_true=arrays["y"], groups=arrays["patients"])


def test_the_better_model_is_better(comparison: Comparison) -> None:
    row = comparison["auroc"]
    assert row.difference.value == pytest.approx(row.a.value - row.b.value)
    assert row.difference.low > 0
    assert row.p < 0.01
    with pytest.raises(KeyError, match="nonsense"):
        comparison["nonsense"]


def test_a_model_does_not_differ_from_itself(arrays: dict[str, Any]) -> None:
    found = fxkit.compare(arrays["good"], arrays["good"], y_true=arrays["y"])
    assert found["auroc"].difference.value == 0
    assert not found["auroc"].p < 1  # 1, or undefined


@pytest.mark.slow
def test_results_folders_tables_and_files_give_the_same_rows(
    arrays: dict[str, Any], comparison: Comparison, tmp_path: Path
) -> None:
    y, patients = arrays["y"], arrays["patients"]
    sides = arrays["good"], arrays["weak"]
    of_intervals = fxkit.compare(*(fxkit.intervals(y, p, groups=patients) for p in sides))
    assert of_intervals.rows == comparison.rows
    results = [fxkit.evaluate(y, p, groups=patients, out=tmp_path / str(n)) for n, p in enumerate(sides)]
    assert fxkit.compare(*results).rows == comparison.rows
    assert fxkit.compare(tmp_path / "0", str(tmp_path / "1")).rows == comparison.rows
    assert fxkit.compare(results[0], tmp_path / "1").rows == comparison.rows
    tables = [{"id": [*range(300)], "y_true": y, "prob": p, "group": patients} for p in sides]
    assert fxkit.compare(*tables, positive=1).rows == comparison.rows
    rows = ["id,y_true,prob,group", *(f"{n},{y[n]},{arrays['weak'][n]!r},{patients[n]}" for n in range(300))]
    (tmp_path / "weak.csv").write_text("\n".join(rows).replace("np.float64(", "").replace(")", ""))
    assert fxkit.compare(tables[0], tmp_path / "weak.csv", positive=1).rows == comparison.rows


def test_the_threshold_is_that_of_each_side(arrays: dict[str, Any]) -> None:
    y, p = arrays["y"], arrays["good"]
    found = fxkit.compare(fxkit.intervals(y, p), fxkit.intervals(y, p, threshold=0.7))
    assert found.thresholds == (0.5, 0.7)
    assert found["sensitivity"].difference.value > 0


def test_text_columns_and_html_hold_the_same_rows(comparison: Comparison) -> None:
    columns = comparison.to_columns()
    assert columns["metric"][0] == "auroc"
    assert columns["difference"][0] == comparison["auroc"].difference.value
    assert {len(column) for column in columns.values()} == {len(comparison.rows)}
    assert json.loads(json.dumps(comparison.to_dict()))["n_groups"] == 150
    assert f"{comparison['auroc'].difference:+.3f}" in repr(comparison)
    html = comparison._repr_html_()
    assert comparison["auroc"].difference.signed in html
    assert "300 films in 150 groups" in html
    assert "<script" not in html


def test_stamps_and_names_are_shown_escaped(arrays: dict[str, Any]) -> None:
    y = np.where(arrays["y"], "<b>x", "z")
    first, second = (fxkit.intervals(y, arrays[name], positive="<b>x") for name in ("good", "weak"))
    html = fxkit.compare(first, second)._repr_html_()
    assert "<b>x" not in html
    assert "&lt;b&gt;x" in html


def test_wrong_sides_are_refused(arrays: dict[str, Any], tmp_path: Path) -> None:
    y, p = arrays["y"], arrays["good"]
    with pytest.raises(DataError, match=r"a is of type ndarray; expected a result of fxkit\.evaluate .* with y_true="):
        fxkit.compare(p, p)
    with pytest.raises(ConfigError, match="groups, films and classes belong to arrays of scores; give y_true, too"):
        fxkit.compare(tmp_path, tmp_path, groups=y)
    with pytest.raises(ConfigError, match="a and b are of different kinds; expected two results of one function"):
        fxkit.compare(fxkit.intervals(y, p), tmp_path)
    with pytest.raises(RunError, match="make it with `fxkit evaluate"):
        fxkit.compare(tmp_path, tmp_path)
    with pytest.raises(DataError, match="y_true has 300 rows and y_score 299"):
        fxkit.compare(p, p[1:], y_true=y)
    with pytest.raises(DataError, match="the two runs differ in the labels of the same files"):
        fxkit.compare(fxkit.intervals(y, p), fxkit.intervals(1 - y, p))
