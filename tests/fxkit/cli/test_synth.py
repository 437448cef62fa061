"""`fxkit synth`: its options reach the library, and an error is one line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from fxkit.cli import main
from fxkit.cli.synth import synth_command
from preprocess.coco import read_coco
from preprocess.images import read_image


def test_options_reach_the_films(tmp_path: Path) -> None:
    arguments = ["--films", "3", "--copies", "1", "--size", "96", "--copy-size", "64", "--fractured", "1"]
    arguments += ["--no-markers", "--sixteen-bit", "--seed", "4"]
    result = CliRunner().invoke(synth_command, [str(tmp_path / "out"), *arguments])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'out'}: 3 films of ")
    assert lines[0].endswith(" patients, 6 files including copies")
    assert lines[1].endswith("markers.json (0 markers)")
    film = read_image(tmp_path / "out" / "fractured" / "0001.png")
    assert film.dtype == "uint16"
    assert max(film.shape) == 96
    assert read_image(tmp_path / "out" / "fractured" / "0001-rotated1.png").shape == (64, 64)
    assert not any(image.markers for image in read_coco(tmp_path / "out" / "markers.json").values())


def test_films_can_be_jpeg_files(tmp_path: Path) -> None:
    result = CliRunner().invoke(synth_command, [str(tmp_path / "out"), "--films", "1", "--size", "64", "--jpeg"])
    assert result.exit_code == 0
    assert (tmp_path / "out" / "not_fractured" / "0001.jpg").exists()


def test_a_folder_with_other_files_is_a_known_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(SystemExit) as exit_:
        main(["synth", str(tmp_path)])
    assert exit_.value.code == 1
    expected = "is not empty; choose a new folder, or replace the films of an earlier run with --overwrite"
    assert expected in capsys.readouterr().err
