"""The README's lines for use without fxkit give what `fxkit predict` gives."""

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

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def block() -> str:
    found = re.search(r"\*\*Use without fxkit\.\*\*.*?```python\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def padded(trained: Run, tmp_path: Path) -> Path:
    model = load_model(trained.folder)
    pad = replace(model.card, preprocessing=replace(model.card.preprocessing, resize="pad"))
    changed = Model(model.classifier, pad)
    write_exported(changed, describe_export(trained.folder, changed), "onnx", tmp_path / "padded.onnx")
    return tmp_path / "padded.onnx"


def test_the_lines_import_nothing_of_fxkit() -> None:
    assert "fxkit" not in re.sub(r'"[^"]*"', "", block())


@pytest.mark.parametrize("kind", ["exported", "padded"])
def test_the_lines_give_what_predict_gives(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    shutil.copy(model, tmp_path / "model.onnx")
    for number, size in enumerate((48, 97, 300)):  # smaller than the network's input, and larger
        write_image(
            tmp_path / "film.png", make_film(FilmPlan(number, number, 0, True), SynthOptions(size_px=size)).image
        )
        done = subprocess.run([sys.executable, "-c", block()], capture_output=True, text=True, check=True, cwd=tmp_path)
        own = predict_images(load_exported(model), [tmp_path / "film.png"])[0]
        found = ast.literal_eval(done.stdout)
        assert list(found) == ["not_fractured", "fractured"]
        assert list(found.values()) == pytest.approx(own.probabilities, abs=1e-6)
