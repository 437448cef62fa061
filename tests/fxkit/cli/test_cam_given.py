"""`fxkit cam` with a model made elsewhere, through the commands alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click import Command, UsageError
from click.testing import Result

from fxkit.cli.ablate import ablate
from fxkit.cli.cam import cam
from fxkit.cli.evaluate import evaluate
from fxkit.cli.given_options import INPUT_OPTIONS, OUTPUT_OPTIONS
from fxkit.cli.predict import predict
from fxkit.cli.report import report
from fxkit.errors import ConfigError, DataError

Invoke = Callable[..., Result]

READS = {name: ("--predictor", f"tests.fxkit.marker_films:{name}") for name in ("reads_marker", "reads_bone")}


@pytest.fixture(scope="module")
def evaluated(marker_films: Path, tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> dict[str, Path]:
    """The folders of both functions, evaluated and mapped on eight films."""
    folders = {}
    for name, model in READS.items():
        folders[name] = out = tmp_path_factory.mktemp(name) / "out"
        films = ["--manifest", marker_films.parent / "manifest.csv", "--root", marker_films]
        invoke(evaluate, *model, *films, "--out", out)
        printed = invoke(cam, out, *model, "--limit", 8).stdout
        assert "8 films, 8 with known markers; occlusion\n" in printed
    return folders


@pytest.mark.parametrize(("name", "verdict"), [("reads_marker", "more than by chance"), ("reads_bone", "as by chance")])
def test_attention_on_markers_is_that_of_what_the_function_reads(
    evaluated: dict[str, Path], name: str, verdict: str
) -> None:
    summary = json.loads((evaluated[name] / "cam" / "attention.json").read_text())
    assert summary["method"] == "occlusion"
    assert summary["resolution"].startswith("the map has 15 x 15 cells: patches of 1/8")
    assert summary["shares"][0]["verdict"].startswith(verdict)
    ratio = summary["shares"][0]["ratio"]
    assert ratio > 2 if name == "reads_marker" else ratio < 0.2
    assert (evaluated[name] / "cam" / "sheet.png").is_file()


def test_the_report_shows_the_maps(evaluated: dict[str, Path], invoke: Invoke) -> None:
    folder = evaluated["reads_marker"]
    invoke(report, folder)
    page = (folder / "report.html").read_text()
    assert "Where the model looks" in page
    assert "share of the occlusion map's mass" in page
    assert "patches of 1/8" in page


def test_another_model_than_that_of_the_folder_is_refused(evaluated: dict[str, Path], invoke: Invoke) -> None:
    with pytest.raises(DataError, match=r"have other probabilities there than the model gives now"):
        invoke(cam, evaluated["reads_marker"], *READS["reads_bone"], "--limit", 2)


def test_images_need_no_evaluation(marker_films: Path, tmp_path: Path, invoke: Invoke) -> None:
    film = next(marker_films.glob("fractured/*.png"))
    invoke(cam, film, *READS["reads_marker"], "--out", tmp_path / "maps")
    assert (tmp_path / "maps" / "0000.png").is_file()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (["film.png"], UsageError, "--out is needed with --model or --predictor for IMAGES"),
        (["--out", "x"], UsageError, "give IMAGES, or the folder that `fxkit evaluate --model` wrote"),
        (["film.png", "--out", "x", "--boxes", "b.json"], UsageError, "cannot be combined with IMAGES"),
        (["film.png", "--out", "x", "--model", "m.onnx"], UsageError, "--model and --predictor cannot be combined"),
        (["film.png", "--out", "x", "--sanity"], ConfigError, r"cannot be shuffled from outside; leave the option out"),
        (["film.png", "--out", "x", "--method", "layercam"], ConfigError, "needs the gradients of a network in torch"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    invoke: Invoke,
    options: list[str],
    error: type[Exception],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if error is UsageError:
        assert text in invoke(cam, *options, *READS["reads_bone"], exit_code=2).output
    else:
        with pytest.raises(error, match=text):
            invoke(cam, *options, *READS["reads_bone"])


def test_a_model_or_a_run_is_needed(invoke: Invoke) -> None:
    assert "give RUN, or a model made elsewhere" in invoke(cam, exit_code=2).output


@pytest.mark.parametrize("command", [ablate, cam, predict])
def test_what_the_outputs_are_can_be_said_wherever_a_model_is_given(command: Command) -> None:
    """The audit names commands with all options of the evaluation, and a model without a scale asks for one."""
    assert {option.name for option in evaluate.params} >= {*INPUT_OPTIONS, *OUTPUT_OPTIONS, "positive"}
    assert {option.name for option in command.params} >= {*INPUT_OPTIONS, *OUTPUT_OPTIONS, "positive"}


def test_outputs_are_read_as_logits_if_the_user_says_so(marker_films: Path, tmp_path: Path, invoke: Invoke) -> None:
    film = next(marker_films.glob("fractured/*.png"))
    printed = invoke(cam, film, *READS["reads_marker"], "--scale", "logit", "--out", tmp_path / "maps")
    assert "the logit of" in printed.stderr


def test_options_of_outputs_do_not_suit_a_run(tmp_path: Path, invoke: Invoke) -> None:
    printed = invoke(cam, tmp_path, "--scale", "logit", exit_code=2).output
    assert "--scale describes a model made elsewhere; give --model or --predictor" in printed
