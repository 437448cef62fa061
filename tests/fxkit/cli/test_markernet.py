"""`fxkit markernet`: train and tune the marker network, what they print, and their errors."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fxkit.cli import fxkit, main
from preprocess.coco import write_coco
from preprocess.errors import KnownError
from preprocess.images import write_image
from preprocess.markernet.tuning import Recall, Tuned
from preprocess.markernet.weights import load_network
from preprocess.markers import MarkedImage, Marker, box_quad
from preprocess.settings import NETWORK


def run(*args: object) -> Result:
    return CliRunner().invoke(fxkit, ["markernet", *map(str, args)])


def write_films(root: Path, count: int) -> None:
    """Write noisy films, each with a bright marker at the same position."""
    for number in range(count):
        image = np.random.default_rng(number).normal(60, 4, (100, 90)).astype(np.uint8)
        image[20:40, 30:36] = image[34:40, 30:50] = 240
        write_image(root / f"{number}.png", image)


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    """The COCO file of eight films."""
    write_films(tmp_path / "films", 8)
    marked = MarkedImage(90, 100, (Marker(box_quad(30, 20, 50, 40), style="lead"),))
    write_coco(tmp_path / "corrected.json", {f"{number}.png": marked for number in range(8)})
    return tmp_path / "corrected.json"


@pytest.mark.slow
def test_tune_writes_a_network_and_prints_its_recall(corrected: Path) -> None:
    out = corrected.with_name("site.onnx")
    result = run("tune", corrected, corrected.with_name("films"), "--out", out, "--steps", 1, "--aside", 0.25)
    assert result.exit_code == 0, result.output
    first, before, after, *_, last = result.stdout.splitlines()
    assert first == "trained on 6 films; tested on 2 held-out films with 2 markers:"
    assert before.startswith("before  ")
    assert after.startswith("after   ")
    assert before.endswith("% of a film erased outside its markers")
    assert " of 2 markers covered; on average " in before
    assert last == f"{out}: use it with `fxkit clean-labels DATA --weights {out}`"
    load_network(out.with_suffix(".safetensors"))
    cleaned = CliRunner().invoke(
        fxkit, ["clean-labels", str(corrected.with_name("films")), "--weights", str(out), "--no-text"]
    )
    assert cleaned.exit_code == 0, cleaned.output


@pytest.mark.slow
def test_train_writes_a_network(tmp_path: Path) -> None:
    write_films(tmp_path / "films", 3)
    write_films(tmp_path / "further", 2)
    (tmp_path / "films.csv").write_text("path\n0.png\n1.png\nnone.png\n")
    out = tmp_path / "new" / "net.onnx"
    options = (
        "--root",
        tmp_path / "films",
        "--also",
        tmp_path / "further",
        "--rounds",
        1,
        "--steps",
        1,
        "--threads",
        1,
    )
    result = run("train", tmp_path / "films.csv", "--out", out, *options)
    assert result.exit_code == 0, result.output
    assert f"4 films; checkpoints in {tmp_path / 'new' / 'net-training'}\n" in result.stderr
    assert result.stdout == f"{out}: trained; use it with `fxkit clean-labels DATA --weights {out}`\n"
    assert out.is_file()
    load_network(out.with_suffix(".safetensors"))


@pytest.mark.slow
def test_train_starts_from_given_weights(tmp_path: Path) -> None:
    write_films(tmp_path / "films", 2)
    out, start = tmp_path / "net.onnx", NETWORK.with_suffix(".safetensors")
    options = ("--rounds", 1, "--steps", 1, "--threads", 1, "--lr", 1e-9, "--start", start, "--average")
    assert run("train", tmp_path / "films", "--out", out, *options).exit_code == 0
    trained, shipped = (load_network(file).head.weight for file in (out.with_suffix(".safetensors"), start))
    assert np.allclose(trained.detach(), shipped.detach(), atol=1e-6)


def test_start_must_be_weights_of_the_marker_network(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "no.safetensors").write_bytes(b"x")
    result = run("train", tmp_path / "films", "--out", tmp_path / "net.onnx", "--start", tmp_path / "no.safetensors")
    assert isinstance(result.exception, KnownError)
    assert "does not hold weights of the marker network" in str(result.exception)


def test_train_needs_a_readable_film(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes(b"x")
    result = run("train", tmp_path / "films", "--out", tmp_path / "net.onnx")
    assert isinstance(result.exception, KnownError)
    assert "no film to train on" in str(result.exception)


def test_tune_needs_enough_films(corrected: Path) -> None:
    marked = MarkedImage(90, 100, (Marker(box_quad(30, 20, 50, 40)),))
    write_coco(corrected, {"0.png": marked})
    result = run("tune", corrected, corrected.with_name("films"), "--out", corrected.with_name("site.onnx"))
    assert isinstance(result.exception, KnownError)
    assert "1 film with markers; give at least 8" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["markernet", "tune", "none.json", ".", "--out", "site.onnx"],
        ["markernet", "train", "nosuch", "--out", "net.onnx"],
        ["clean-labels", "films", "--weights", "none.onnx"],
    ],
)
def test_a_missing_file_is_a_known_error_on_one_line(
    corrected: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(corrected.parent)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no")


@pytest.mark.parametrize(("before", "after", "warned"), [(0.001, 0.0015, False), (0.001, 0.03, True)])
def test_tune_warns_if_the_network_erases_more_outside_the_markers(
    corrected: Path, monkeypatch: pytest.MonkeyPatch, before: float, after: float, warned: bool
) -> None:
    out = corrected.with_name("site.onnx")
    measured = Tuned(out, 6, ("0.png",), 1, Recall(0, before), Recall(1, after))
    monkeypatch.setattr("preprocess.markernet.tuning.tune", lambda *_, **__: measured)
    result = run("tune", corrected, corrected.with_name("films"), "--out", out)
    assert ("warning: the tuned network erases more outside the markers" in result.output) is warned


def test_train_warns_if_fonts_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preprocess.markernet.lettering.FONT_PACKAGES", ("no_such_font",))
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes(b"x")
    result = run("train", tmp_path / "films", "--out", tmp_path / "net.onnx")
    assert "font packages are missing" in result.output
    assert "pip install 'fxkit[fonts]'" in result.output


def test_the_help_lists_both_commands() -> None:
    text = run("--help").output
    assert "train  Train the network from films" in text
    assert "tune   Adapt the network to the markers of a site" in text
