from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fxkit.cli import fxkit, main
from preprocess.coco import write_coco
from preprocess.errors import KnownError
from preprocess.images import write_image
from preprocess.markers import MarkedImage, Marker, box_quad


def run(*args: object) -> Result:
    return CliRunner().invoke(fxkit, ["markernet", *map(str, args)])


def films(root: Path, count: int) -> None:
    """Noisy films, each with a bright sign at the same place."""
    for number in range(count):
        image = np.random.default_rng(number).normal(60, 4, (100, 90)).astype(np.uint8)
        image[20:40, 30:36] = image[34:40, 30:50] = 240
        write_image(root / f"{number}.png", image)


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    """Eight films, and their COCO file."""
    films(tmp_path / "films", 8)
    marked = MarkedImage(90, 100, (Marker(box_quad(30, 20, 50, 40), style="lead"),))
    write_coco(tmp_path / "corrected.json", {f"{number}.png": marked for number in range(8)})
    return tmp_path / "corrected.json"


def test_train_without_a_readable_film_is_a_known_error(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes(b"x")
    result = run("train", tmp_path / "films", "--out", tmp_path / "net.onnx")
    assert isinstance(result.exception, KnownError)
    assert "no film to train on" in str(result.exception)


def test_tune_refuses_too_few_films(corrected: Path) -> None:
    marked = MarkedImage(90, 100, (Marker(box_quad(30, 20, 50, 40)),))
    write_coco(corrected, {"0.png": marked})
    result = run("tune", corrected, corrected.with_name("films"), "--out", corrected.with_name("site.onnx"))
    assert isinstance(result.exception, KnownError)
    assert "1 films with markers; expected 8 or more" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["markernet", "tune", "none.json", ".", "--out", "site.onnx"],
        ["markernet", "train", "nosuch", "--out", "net.onnx"],
        ["clean-labels", "films", "--weights", "none.onnx"],
    ],
)
def test_what_is_missing_is_told_in_one_line(
    corrected: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(corrected.parent)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no")


def test_help_names_both_commands() -> None:
    text = run("--help").output
    assert "train  Train it anew" in text
    assert "tune   Adapt it to a site" in text
