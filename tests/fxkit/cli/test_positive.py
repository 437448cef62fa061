"""The positive class is set with --positive, printed, and kept by runs of older versions."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from fxkit.cli.audit import audit
from fxkit.cli.calibrate import calibrate
from fxkit.cli.cam import cam
from fxkit.cli.compare import compare
from fxkit.cli.evaluate import evaluate
from fxkit.cli.index import index_command
from fxkit.cli.predict import predict
from fxkit.cli.report import report
from fxkit.cli.train import train
from fxkit.errors import ConfigError, DataError
from fxkit.models.model_json import read_card
from fxkit.models.run_folder import Run, open_run, read_json, write_json
from fxkit.synth.dataset import Synthetic

Invoke = Callable[..., Result]

TINY = ("--config", "tiny", "--set", "data.image_size=64", "--set", "trainer.export=null", "--quiet")


@pytest.fixture
def unclear(made: Synthetic, tmp_path: Path) -> Path:
    """The made films in class folders whose names do not say which of them is the finding."""
    for source, name in (("fractured", "a"), ("not_fractured", "b")):
        shutil.copytree(made.root / source, tmp_path / "films" / name)
    return tmp_path / "films"


def films_of(folder: Path, out: Path, invoke: Invoke) -> tuple[object, ...]:
    """Return the options that name the films of a folder; their copies are not searched, which takes some seconds."""
    invoke(index_command, folder, "--out", out / "films.csv", "--no-copies", "--no-pages")
    return ("--manifest", out / "films.csv", "--root", folder)


@pytest.mark.slow
def test_index_warns_of_a_guess_and_takes_the_option(unclear: Path, tmp_path: Path, invoke: Invoke) -> None:
    arguments = (unclear, "--out", tmp_path / "m.csv", "--no-copies")
    warned = invoke(index_command, *arguments, "--no-pages").stdout
    assert "WARNING: positive class: b. This is a guess by alphabet" in warned
    told = invoke(index_command, *arguments, "--positive", "a").stdout
    assert "positive class: a\n" in told
    assert "WARNING" not in told
    card = json.loads((tmp_path / "data.json").read_text())
    assert (card["positive"], card["classes"]) == ("a", ["b", "a"])
    assert "Positive class: a." in (tmp_path / "data.html").read_text()
    with pytest.raises(ConfigError, match=r"'c': not one of the classes \(a, b\)"):
        invoke(index_command, *arguments, "--positive", "c")


def test_train_stores_the_positive_class_and_evaluate_keeps_it(unclear: Path, tmp_path: Path, invoke: Invoke) -> None:
    options = (*films_of(unclear, tmp_path, invoke), *TINY, "--runs", tmp_path / "runs", "--name", "r")
    result = invoke(train, *options, "--positive", "a")
    assert "positive class: a\n" in result.stdout
    assert "guess" not in result.stderr
    run = tmp_path / "runs" / "r"
    assert (read_card(run).classes, open_run(run).config.data.positive) == (("b", "a"), "a")
    assert read_json(run / "validation.json")["positive"] == "a"
    assert "positive class: a\n" in invoke(evaluate, run, "--positive", "a").stdout
    assert read_json(run / "metrics.json")["positive"] == "a"
    with pytest.raises(ConfigError, match=r"its positive class is 'a', fixed by its training"):
        invoke(evaluate, run, "--positive", "b")
    with pytest.raises(ConfigError, match=r"its positive class is 'a'"):
        invoke(compare, run, run, "--positive", "b")


def test_a_guess_in_training_is_a_warning(unclear: Path, tmp_path: Path, invoke: Invoke) -> None:
    films = films_of(unclear, tmp_path, invoke)
    result = invoke(train, *films, *TINY, "--runs", tmp_path / "runs", "--dry-run")
    assert "WARNING: positive class: b. This is a guess by alphabet" in result.stderr
    assert "positive class: b\n" in result.stdout


@pytest.mark.parametrize(
    ("command", "arguments"), [(audit, ()), (calibrate, ()), (cam, ()), (evaluate, ()), (report, ()), (predict, ("x",))]
)
def test_no_command_takes_a_run_with_another_positive_class(
    command: click.Command, arguments: tuple[str, ...], run_folder: Path, invoke: Invoke
) -> None:
    films = [run_folder / name for name in arguments]
    with pytest.raises(ConfigError, match=r"its positive class is 'fractured', fixed by its .* or train again with"):
        invoke(command, run_folder, *films, "--positive", "not_fractured")


def test_predict_names_the_positive_class_and_the_threshold(
    trained: Run, exported: Path, run_folder: Path, invoke: Invoke
) -> None:
    film = trained.root / trained.records[0].path
    for model in (run_folder, exported):
        result = invoke(predict, model, film, "--positive", "fractured")
        assert result.stderr == "note: positive class: fractured, from a probability of 0.5 on\n"
        (row,) = json.loads(invoke(predict, model, film, "--json").stdout)
        assert (row["positive"], row["threshold"]) == ("fractured", 0.5)
    with pytest.raises(ConfigError, match=r"tiny\.onnx: its positive class is 'fractured'"):
        invoke(predict, exported, film, "--positive", "not_fractured")


def test_cam_and_audit_write_the_positive_class(run_folder: Path, invoke: Invoke) -> None:
    invoke(cam, run_folder, "--limit", "1", "--positive", "fractured")
    invoke(audit, run_folder, "--positive", "fractured")
    for file in ("cam/attention.json", "audit.json"):
        assert read_json(run_folder / file)["positive"] == "fractured"


def turn_old(run: Path) -> None:
    """Make a run as an older version would have: its positive class is the one that means no fracture."""
    model, manifest = read_json(run / "model.json"), read_json(run / "manifest.json")
    write_json(run / "model.json", model | {"classes": model["classes"][::-1]})
    write_json(run / "manifest.json", {key: value for key, value in manifest.items() if key != "classes"})


def test_a_run_of_an_older_version_keeps_its_order_and_says_so(run_folder: Path, invoke: Invoke) -> None:
    turn_old(run_folder)
    assert open_run(run_folder).classes == ("fractured", "not_fractured")
    result = invoke(evaluate, run_folder)
    assert "positive class: not_fractured\n" in result.stdout
    assert "its positive class stays 'not_fractured'; a new run would take 'fractured'" in result.stderr
    header = (run_folder / "predictions.csv").read_text().splitlines()[0]
    assert header.endswith('"p_fractured","p_not_fractured"')


def test_runs_with_different_positive_classes_are_not_compared(
    trained: Run, run_folder: Path, tmp_path: Path, invoke: Invoke
) -> None:
    other = Path(shutil.copytree(trained.folder, tmp_path / "old"))
    turn_old(other)
    for folder in (run_folder, other):
        invoke(evaluate, folder)
    with pytest.raises(DataError, match=r"of the first run is 'fractured', that of the second 'not_fractured'"):
        invoke(compare, run_folder, other)


def test_other_data_of_one_class_are_evaluated(
    made: Synthetic, run_folder: Path, tmp_path: Path, invoke: Invoke
) -> None:
    shutil.copytree(made.root / "fractured", tmp_path / "new" / "fractured")
    result = invoke(evaluate, run_folder, "--data", tmp_path / "new", "--allow-leaks", "--target", "0.5")
    assert "all films are of one class, fractured\n" in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    figures = {line[0]: line[1:] for line in reversed(lines) if line}
    assert figures["auroc"][:3] == figures["ppv"][:3] == ["undefined", "(one", "class)"]
    assert figures["specificity"][:3] == ["undefined", "(one", "class)"]
    assert figures["sensitivity"][0] != "undefined"
    assert "calibration by film: undefined (one class)" in result.stdout
    folder = run_folder / "evaluations" / "new"
    assert read_json(folder / "metrics.json")["single_class"] == "fractured"
    assert {path.stem for path in (folder / "figures").iterdir()} == {
        "roc", "precision_recall", "confusion", "reliability"
    }  # fmt: skip
    assert "All films are of one class, fractured." in (run_folder / "report.html").read_text()
