"""The code of docs/howto/export.md for use without fxkit predicts what `fxkit predict` predicts."""

import ast
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fxkit.models.export import describe_export, write_exported
from fxkit.models.exported import load_exported
from fxkit.models.predict_images import predict_images
from fxkit.models.run_folder import Run
from fxkit.models.saved import Model, load_model
from fxkit.synth.synthetic_film import FilmPlan, SynthOptions, make_film
from preprocess.images import write_image

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "export.md").read_text(encoding="utf-8")


def read_code() -> str:
    match = re.search(r"## Use without fxkit\n.*?```python\n(.*?)```", PAGE, re.DOTALL)
    assert match
    return match[1]


@pytest.fixture
def padded(trained: Run, tmp_path: Path) -> Path:
    model = load_model(trained.folder)
    pad = replace(model.card, preprocessing=replace(model.card.preprocessing, resize="pad"))
    changed = Model(model.classifier, pad)
    write_exported(changed, describe_export(trained.folder, changed), "onnx", tmp_path / "padded.onnx")
    return tmp_path / "padded.onnx"


def test_the_code_does_not_import_fxkit() -> None:
    assert "fxkit" not in re.sub(r'"[^"]*"', "", read_code())


@pytest.mark.parametrize("kind", ["exported", "padded"])
def test_the_code_predicts_what_fxkit_predicts(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    shutil.copy(model, tmp_path / "model.onnx")
    for number, size in enumerate((48, 97, 300)):  # smaller and larger than the network's input
        film = make_film(FilmPlan(number, number, 0, True), SynthOptions(size_px=size))
        write_image(tmp_path / "film.png", film.image)
        command = [sys.executable, "-c", read_code()]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        prediction = predict_images(load_exported(model), [tmp_path / "film.png"])[0]
        probabilities = ast.literal_eval(done.stdout)
        assert list(probabilities) == ["not_fractured", "fractured"]
        assert list(probabilities.values()) == pytest.approx(prediction.probabilities, abs=1e-6)
