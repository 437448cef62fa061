"""`fxkit.ablate`: a function or a file is tested on the films of a result, a manifest, a table or records."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fxkit
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.evaluation.external.model_source import find_films, open_any_model
from fxkit.evaluation.result import EvaluationResult
from fxkit.report.ablation import Ablation
from preprocess.images import read_grey8
from tests.fxkit.marker_films import CLASSES, reads_bone, reads_marker


@pytest.fixture(scope="module")
def films(marker_films: Path) -> dict[str, list[str]]:
    paths = sorted(path.relative_to(marker_films).as_posix() for path in marker_films.glob("*/*.png"))
    return {"path": paths, "label": [path.split("/")[0] for path in paths]}


@pytest.fixture(scope="module")
def evaluated(films: dict[str, list[str]], marker_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The function that reads the marker, evaluated on its own predictions."""
    p = reads_marker([read_grey8(marker_films / path) for path in films["path"]])
    out = tmp_path_factory.mktemp("evaluated") / "out"
    return fxkit.evaluate(films["label"], p, films={"path": films["path"]}, classes=CLASSES, out=out)


@pytest.fixture(scope="module")
def ablation(evaluated: EvaluationResult, marker_films: Path) -> Ablation:
    return fxkit.ablate(reads_marker, evaluated, root=marker_films, seeds=[0])


@pytest.mark.slow
def test_a_function_that_reads_the_marker_relies_on_it(ablation: Ablation) -> None:
    assert ablation.verdict == "reliance"
    by_arm = dict(zip(ablation.to_columns()["tested"], ablation.to_columns()["value"], strict=True))
    assert by_arm["raw"] > 0.85
    assert abs(by_arm["cleaned"] - 0.5) < 0.2


def test_the_audit_of_the_result_knows_the_answer(evaluated: EvaluationResult, ablation: Ablation) -> None:
    assert json.loads((evaluated.folder / "ablation.json").read_text())["verdict"] == ablation.verdict
    assert fxkit.audit(evaluated)["markers"].verdict == "fail"


@pytest.mark.slow
def test_a_function_that_reads_the_bone_does_not(marker_films: Path) -> None:
    manifest = marker_films.parent / "manifest.csv"
    found = fxkit.ablate(reads_bone, manifest, root=marker_films, seeds=[0])
    assert found.verdict == "no evidence"


def test_text_and_html_hold_the_verdict_and_the_arms(ablation: Ablation) -> None:
    text, html = repr(ablation), ablation._repr_html_()
    assert text.startswith("verdict: reliance\n")
    for arm in ("raw", "cleaned", "control", "markers"):
        assert f"tested on {arm}" in text
        assert f'<th scope="row">{arm}</th>' in html
    assert "The model relies on markers" in html
    assert "<script" not in html


def test_films_are_found_wherever_they_are_named(
    films: dict[str, list[str]], marker_films: Path, evaluated: EvaluationResult
) -> None:
    manifest = marker_films.parent / "manifest.csv"
    records = fxkit.read_manifest(manifest)
    root, found = find_films({name: column[77:83] for name, column in films.items()}, marker_films)  # three a class
    assert root == marker_films
    assert [record.path for record in found] == films["path"][77:83]
    assert [record.label for record in found] == films["label"][77:83]
    sources = {
        "manifest": find_films(str(manifest), marker_films),
        "records": find_films(records, marker_films),
        "result": find_films(evaluated, marker_films),
        "folder of a result": find_films(evaluated.folder, marker_films),
    }
    for name, (root, found) in sources.items():
        assert root == marker_films, name
        assert {(record.path, record.label) for record in found} == {(r.path, r.label) for r in records}, name


def test_films_that_cannot_be_found_are_refused(
    films: dict[str, list[str]], marker_films: Path, evaluated: EvaluationResult, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="a table of films: give root=, the folder that the paths are relative to"):
        find_films(films, None)
    with pytest.raises(ConfigError, match=r"the manifest .*manifest\.csv: give root="):
        find_films(marker_films.parent / "manifest.csv", None)
    with pytest.raises(DataError, match=r"its films are not in .*; give root="):
        find_films(evaluated, tmp_path)
    with pytest.raises(DataError, match="films is of type int; expected a folder, a table with paths and classes"):
        find_films(5, None)
    with pytest.raises(DataError, match="nowhere"):
        find_films(tmp_path / "nowhere", None)


def test_wrong_models_and_arguments_are_refused_in_the_words_of_python(marker_films: Path, tmp_path: Path) -> None:
    records = fxkit.read_manifest(marker_films.parent / "manifest.csv")
    with pytest.raises(TypeError, match="unexpected keyword argument 'imput_size'"):
        open_any_model(reads_bone, records, {"imput_size": 5})  # type: ignore[typeddict-unknown-key]
    with pytest.raises(ConfigError, match="channels= 2: expected 1, or 3 equal ones"):
        open_any_model(reads_bone, records, {"channels": 2})
    with pytest.raises(ConfigError, match="input_size=: a function prepares films itself; leave the option out"):
        open_any_model(reads_bone, records, {"input_size": 96})
    with pytest.raises(RunError, match=r"none\.onnx"):
        open_any_model(tmp_path / "none.onnx", records, {})

    def fails(pictures: list[np.ndarray]) -> np.ndarray:
        raise ValueError("no such layer")

    with pytest.raises(RunError, match=r"fails: fails on .* films \(ValueError: no such layer"):
        open_any_model(fails, records, {})


def test_a_function_without_classes_is_of_the_classes_of_the_films(marker_films: Path) -> None:
    def of_one(pictures: list[np.ndarray]) -> np.ndarray:
        return reads_bone(pictures)[:, 1]

    records = fxkit.read_manifest(marker_films.parent / "manifest.csv")
    assert open_any_model(of_one, records, {}).classes == CLASSES
    assert open_any_model(of_one, records, {}, positive=CLASSES[0]).classes == CLASSES[::-1]
