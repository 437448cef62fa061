"""Models made elsewhere, by the commands alone: predict, evaluate, report, audit, compare and calibrate."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
import torchvision

from fxkit.cli.audit import audit
from fxkit.cli.calibrate import calibrate
from fxkit.cli.compare import compare
from fxkit.cli.evaluate import evaluate
from fxkit.cli.predict import predict
from fxkit.cli.report import report
from fxkit.data.manifest import usable, write_manifest
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.index.build import Index
from fxkit.models.exported import KEY
from fxkit.models.predictions_source import PredictionsSource, read_source
from fxkit.models.run_folder import Run
from preprocess.errors import OutputError
from preprocess.images import read_grey8

from .conftest import Invoke

NAMES = "not_fractured,fractured"

FIGURES = ("file", "film", "group", "calibration", "operating_points", "subgroups", "decision_curve", "threshold")


def build_network() -> torch.nn.Module:
    """Return a small network of torchvision with random weights, whose batch norms have seen noise of all levels."""
    torch.manual_seed(0)
    model = torchvision.models.shufflenet_v2_x0_5(num_classes=2)
    levels = torch.linspace(-2, 2, 16)[:, None, None, None]
    with torch.no_grad():
        for _ in range(30):
            model(levels + torch.randn(16, 3, 64, 64) * torch.rand(16, 1, 1, 1))
        model.fc.weight.mul_(3)
    return model.eval()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network, exported to ONNX by PyTorch alone."""
    file = tmp_path_factory.mktemp("given") / "network.onnx"
    films, batch = torch.zeros(2, 3, 64, 64), ({0: torch.export.Dim("N")},)
    torch.onnx.export(build_network(), (films,), str(file), dynamo=True, dynamic_shapes=batch, verbose=False)
    return file


def given(network: Path, *more: object) -> list[object]:
    return ["--model", network, "--classes", NAMES, "--mean", "0.5", "--std", "0.25", *more]


@pytest.fixture(scope="module")
def evaluated(network: Path, trained: Run, invoke: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results of the network on the test films of the tiny run. Tests must not change it."""
    out = tmp_path_factory.mktemp("results") / "network"
    films = ["--manifest", trained.folder / "manifest.csv", "--root", trained.root]
    invoke(evaluate, *given(network, *films, "--target", "sensitivity=0.8", "--out", out))
    return out


@pytest.mark.slow
def test_predictions_of_torch_and_of_the_file_are_the_same(
    network: Path, trained: Run, evaluated: Path, invoke: Invoke
) -> None:
    rows = (evaluated / "predictions.csv").read_text().splitlines()[1:]
    paths = [row.split(",")[0].strip('"') for row in rows]
    assert paths == [record.path for record in usable(trained.records, "test")]
    with torch.no_grad():
        films = [cv2.resize(read_grey8(trained.root / path), (64, 64), interpolation=cv2.INTER_AREA) for path in paths]
        values = (torch.from_numpy(np.stack(films)).float()[:, None] / 255 - 0.5) / 0.25
        expected = build_network()(values.repeat(1, 3, 1, 1)).softmax(1).numpy()[:, 1]
    assert [float(row.split(",")[-1]) for row in rows] == pytest.approx(expected, abs=2e-3)
    assert expected.std() > 0.01  # the network tells films apart


def test_the_same_predictions_as_a_table_give_the_same_figures(
    network: Path, trained: Run, evaluated: Path, invoke: Invoke, tmp_path: Path
) -> None:
    parts = [evaluated / "predictions.csv", evaluated / "splits" / "val" / "predictions.csv"]
    lines = [part.read_text().splitlines() for part in parts]
    (tmp_path / "all.csv").write_text("\n".join([*lines[0], *lines[1][1:]]) + "\n")
    films, out = evaluated / "manifest.csv", tmp_path / "table"
    command = ["--predictions", tmp_path / "all.csv", "--films", films, "--target", "sensitivity=0.8", "--out", out]
    invoke(evaluate, *command)
    mine, theirs = (json.loads((folder / "metrics.json").read_text()) for folder in (evaluated, out))
    for key in FIGURES:
        assert mine[key] == theirs[key], key
    assert (out / "predictions.csv").read_text() == (evaluated / "predictions.csv").read_text()


def test_source_json_names_the_model_and_its_input(network: Path, evaluated: Path) -> None:
    source = read_source(evaluated)
    assert source.model == str(network)
    assert len(source.model_sha256) == 64
    assert source.model_kind == "onnx"
    assert source.model_options == ("--classes", NAMES, "--mean", "0.5", "--std", "0.25")
    assert "input: 64 x 64 pixels, 3 channels, stretched, NCHW float32" in source.model_input


def test_other_films_go_below_the_results(
    network: Path, trained: Run, evaluated: Path, invoke: Invoke, tmp_path: Path
) -> None:
    results = shutil.copytree(evaluated, tmp_path / "results")
    write_manifest(tmp_path / "tested.csv", usable(trained.records, "test"))
    films = ["--manifest", tmp_path / "tested.csv", "--root", trained.root, "--out", results, "--name", "own"]
    result = invoke(evaluate, *given(network, *films))
    assert "films that the model was trained on are not known" in result.output
    assert f"report: {results / 'report.html'}" in result.output
    metrics = json.loads((results / "evaluations" / "own" / "metrics.json").read_text())
    assert metrics["overlap"]["test_files"] == json.loads((evaluated / "metrics.json").read_text())["n_files"]
    other_mean = [*given(network, *films)]
    other_mean[other_mean.index("--mean") + 1] = "0.4"
    with pytest.raises(DataError, match=r"holds results of .*; expected those of .* with the same options"):
        invoke(evaluate, *other_mean)


def test_source_json_of_earlier_folders_still_opens(tmp_path: Path) -> None:
    old = {"predictions": "p.csv", "sha256": "ab", "key": "id", "scores": {}, "scale": "logit", "threshold": 0.5}
    (tmp_path / "source.json").write_text(json.dumps(old))
    source = read_source(tmp_path)
    assert (source.identity, source.model) == ("ab", "")
    assert PredictionsSource.model_validate(source.model_dump()) == source


def test_report_audit_calibrate_and_compare_read_the_folder(
    network: Path, evaluated: Path, invoke: Invoke, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(evaluated, tmp_path / "results"))
    assert "report.html" in invoke(report, folder).output
    page = (folder / "report.html").read_text()
    assert "The films that the model was trained on are not known" in page
    assert "No leak found" not in page
    answers = {a["key"]: a for a in json.loads(invoke(audit, folder, "--json").stdout)["answers"]}
    assert answers["markers"]["command"] == (
        f"fxkit ablate masked-vs-raw --model {network} --classes {NAMES} --mean 0.5 --std 0.25 --out {folder}"
    )
    assert "--trained-on" in json.dumps(answers["leak"])
    assert "logit(calibrated)" in invoke(calibrate, folder).output
    assert "difference" in invoke(compare, folder, evaluated).output
    assert str(network) in (folder / "audit.html").read_text()


def test_an_export_without_its_card_is_a_foreign_file(
    trained: Run, exported: Path, invoke: Invoke, tmp_path: Path
) -> None:
    model = onnx.load(str(exported))
    kept = [entry for entry in model.metadata_props if entry.key != KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    onnx.save(model, str(tmp_path / "stripped.onnx"))
    films = [trained.root / record.path for record in usable(trained.records, "test")]
    size = json.loads((trained.folder / "model.json").read_text())["preprocessing"]["image_size"]
    sides = ["--classes", NAMES, "--input-size", size]
    own = json.loads(invoke(predict, exported, *films, "--json").stdout)
    foreign = json.loads(invoke(predict, tmp_path / "stripped.onnx", *films, "--json", *sides).stdout)
    for a, b in zip(own, foreign, strict=True):
        assert a["probabilities"] == pytest.approx(b["probabilities"], abs=1e-6)


def test_a_run_and_its_export_are_models_too(trained: Run, exported: Path, invoke: Invoke, tmp_path: Path) -> None:
    films = ["--manifest", trained.folder / "manifest.csv", "--root", trained.root]
    metrics = []
    for name, model in (("run", trained.folder), ("export", exported)):
        invoke(evaluate, "--model", model, *films, "--out", tmp_path / name)
        metrics.append(json.loads((tmp_path / name / "metrics.json").read_text()))
        assert read_source(tmp_path / name).model_kind == name
    assert metrics[0]["film"]["figures"]["auroc"] == metrics[1]["film"]["figures"]["auroc"]


PREDICTOR = """
import numpy as np

def predict(films):
    return np.array([film.mean() / 255 for film in films])
"""


def test_a_function_is_evaluated_and_predicts(
    trained: Run, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bright_predictor.py").write_text(PREDICTOR)
    monkeypatch.chdir(tmp_path)
    films = ["--manifest", trained.folder / "manifest.csv", "--root", trained.root]
    invoke(evaluate, "--predictor", "bright_predictor:predict", *films, "--out", tmp_path / "out")
    rows = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    path, p = rows[1].split(",")[0].strip('"'), float(rows[1].split(",")[-1])
    assert p == pytest.approx(read_grey8(trained.root / path).mean() / 255)
    predictor = ["--predictor", "bright_predictor:predict", "--classes", NAMES]
    result = invoke(predict, trained.root / path, trained.root / path, *predictor, "--json")
    assert [row["probabilities"]["fractured"] for row in json.loads(result.stdout)] == pytest.approx([p, p])
    source = read_source(tmp_path / "out")
    assert source.model_command == "--predictor bright_predictor:predict"


@pytest.mark.slow
def test_films_of_training_are_found_and_those_of_train_alone_are_noted(
    network: Path, made_index: Index, trained: Run, invoke: Invoke, tmp_path: Path
) -> None:
    films = ["--manifest", trained.folder / "manifest.csv", "--root", trained.root]
    manifest = trained.folder / "manifest.csv"
    result = invoke(evaluate, *given(network, *films, "--out", tmp_path / "unknown"))
    assert "neither of the split test nor of val are not used" in result.stderr
    assert read_source(tmp_path / "unknown").n_trained == 0
    invoke(evaluate, *given(network, *films, "--trained-on", manifest, "--out", tmp_path / "known"))
    source = read_source(tmp_path / "known")
    assert source.n_trained == len(usable(trained.records, "train"))
    assert source.compared == "pixels, bytes and names"
    test = usable(trained.records, "test")[:3]
    (tmp_path / "seen.csv").write_text("path\n" + "\n".join(record.path for record in test))
    leak = ["--trained-on", tmp_path / "seen.csv", "--trained-root", trained.root, "--out", tmp_path / "leak"]
    assert "leaking split" in invoke(evaluate, *given(network, *films, *leak)).output


def test_a_folder_of_another_model_is_not_overwritten(
    network: Path, trained: Run, evaluated: Path, invoke: Invoke, tmp_path: Path
) -> None:
    films = ["--manifest", trained.folder / "manifest.csv", "--root", trained.root]
    folder = Path(shutil.copytree(evaluated, tmp_path / "results"))
    with pytest.raises(OutputError, match="holds figures of other predictions"):
        invoke(evaluate, *given(network, "--resize", "pad", *films, "--out", folder))
    invoke(evaluate, *given(network, *films, "--out", folder))


def test_a_class_that_the_model_does_not_know_is_refused(
    network: Path, trained: Run, invoke: Invoke, tmp_path: Path
) -> None:
    films = ["--manifest", trained.folder / "manifest.csv", "--root", trained.root, "--out", tmp_path / "out"]
    with pytest.raises(DataError, match=r"is not one of the model's classes \(normal, broken\)"):
        invoke(evaluate, "--model", network, "--classes", "normal,broken", *films)


def test_a_missing_model_is_refused_before_the_films_are_read(invoke: Invoke, tmp_path: Path) -> None:
    films = ["--data", tmp_path / "no-films", "--out", tmp_path / "out"]
    with pytest.raises(RunError, match=r"m\.onnx: cannot be read"):
        invoke(evaluate, "--model", tmp_path / "m.onnx", *films)
    with pytest.raises(ConfigError, match="there is no module 'absent_module'"):
        invoke(evaluate, "--predictor", "absent_module:predict", *films)
    with pytest.raises(ConfigError, match="--range 'wide'"):
        invoke(evaluate, "--model", tmp_path / "m.onnx", "--range", "wide", *films)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--model", "m.onnx"], "--model or --predictor needs --out, the folder for the results"),
        (["--model", "m.onnx", "--predictor", "a:b", "--out", "o"], "give RUN, or --predictions FILE, or --model"),
        (["--model", "m.onnx", "--key", "id", "--out", "o"], "--key needs --predictions"),
        (["--predictions", "p.csv", "--mean", "0.5", "--out", "o"], "--mean needs --model or --predictor"),
        (["run", "--classes", "a,b"], "--classes needs --model or --predictor"),
        (["--model", "m.onnx", "--scale", "percent", "--out", "o"], "--scale percent needs --predictions"),
        (["--model", "m.onnx", "--tta", "flips", "--out", "o"], "--tta needs RUN"),
    ],
)
def test_options_that_do_not_suit_a_model_are_wrong_usage(invoke: Invoke, options: list[str], expected: str) -> None:
    assert expected in invoke(evaluate, *options, exit_code=2).output


def test_predict_shows_the_input_and_what_is_guessed(
    network: Path, trained: Run, invoke: Invoke, tmp_path: Path
) -> None:
    film, picture = trained.root / trained.records[0].path, tmp_path / "input.png"
    result = invoke(predict, network, film, "--classes", NAMES, "--resize", "pad", "--show-input", picture)
    assert "guessed, because neither the model nor an option says it: range, mean, std" in result.stderr
    assert "as the model gets it: shape 3 x 64 x 64, float32, from 0 to 0." in result.stderr
    assert read_grey8(picture).shape == (64, 64)


def test_predict_needs_a_model_and_images(invoke: Invoke, tmp_path: Path) -> None:
    assert "give a MODEL, or --predictor" in invoke(predict, tmp_path / "m.onnx", exit_code=2).output
    assert "give a MODEL, or --predictor" in invoke(predict, "--predictor", "a:b", exit_code=2).output
