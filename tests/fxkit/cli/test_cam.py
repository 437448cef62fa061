"""`fxkit cam`: its options reach the library, and it writes the pictures."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fxkit.cli.cam import cam
from fxkit.models.run_folder import Run
from fxkit.synth.dataset import Synthetic
from preprocess.errors import KnownError


def test_the_test_films_are_explained(run_folder: Path, made: Synthetic, invoke: Callable[..., Result]) -> None:
    result = invoke(cam, run_folder, "--limit", "3", "--markers", made.root / "markers.json")
    first, second, *_ = result.stdout.splitlines()
    assert first == "positive class: fractured"
    assert second.startswith("3 films, ")
    assert (run_folder / "cam" / "sheet.png").is_file()


def test_given_images_are_explained(
    trained: Run, run_folder: Path, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    invoke(cam, run_folder, trained.root / trained.records[0].path, "--out", tmp_path / "maps")
    assert (tmp_path / "maps" / "0000.png").is_file()


def test_pictures_of_an_earlier_call_are_deleted(run_folder: Path, invoke: Callable[..., Result]) -> None:
    invoke(cam, run_folder, "--limit", "3")
    invoke(cam, run_folder, "--limit", "1")
    assert sorted(path.name for path in (run_folder / "cam").glob("0*.png")) == ["0000.png"]


def test_the_pointing_game_is_printed(run_folder: Path, made: Synthetic, invoke: Callable[..., Result]) -> None:
    boxes = made.root / "markers.json"
    result = invoke(cam, run_folder, "--limit", "4", "--boxes", boxes, "--method", "eigencam")
    assert "pointing game (" in result.stdout
    assert "by chance" in result.stdout
    refused = CliRunner().invoke(cam, [str(run_folder), "film.png", "--boxes", str(boxes)])
    assert refused.exit_code == 2
    assert "--boxes describes the run's test films" in refused.stderr


def test_boxes_of_another_size_or_of_other_films_are_told(
    run_folder: Path, made: Synthetic, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    content = json.loads((made.root / "markers.json").read_text())
    for image in content["images"]:
        image["width"] += 1
    (tmp_path / "wide.json").write_text(json.dumps(content))
    files = ("--limit", "2", "--boxes", tmp_path / "wide.json", "--markers", tmp_path / "wide.json")
    notes = invoke(cam, run_folder, *files).stderr.splitlines()
    assert [note.partition(" are not used")[0] for note in notes] == [
        "note: WARNING: the markers of 2 films", "note: WARNING: the boxes of 2 films"
    ]  # fmt: skip
    for image in content["images"]:
        image["file_name"] = "other/" + image["file_name"] + ".png"
    (tmp_path / "others.json").write_text(json.dumps(content))
    with pytest.raises(
        KnownError, match=r"others.json: none of \d+ images in it .* is a test film of .*; file_name must"
    ):
        invoke(cam, run_folder, "--boxes", tmp_path / "others.json")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--limit", "-1"], "-1 is not in the range"),
        (["--method", "score-cam"], "'score-cam' is not one of 'grad-cam'"),
    ],
)
def test_wrong_usage_exits_with_2(options: list[str], text: str) -> None:
    result = CliRunner().invoke(cam, ["x", *options])
    assert result.exit_code == 2
    assert text in result.stderr


def test_an_undefined_sanity_check_is_reported(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., Result]
) -> None:
    monkeypatch.setattr("fxkit.explain.explain.correlate_maps", lambda *maps: None)
    assert "sanity check undefined" in invoke(cam, run_folder, "--limit", "1", "--sanity").stdout
