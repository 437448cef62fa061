"""`fxkit index`: what it prints, where it exits."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from fxkit.cli import main
from fxkit.cli.index import index_command
from fxkit.data.manifest import read_manifest
from fxkit.synth import Synthetic


def test_it_writes_a_manifest_and_prints_the_counts(made: Synthetic, tmp_path: Path) -> None:
    out = tmp_path / "manifest.csv"
    result = CliRunner().invoke(index_command, [str(made.root), "--out", str(out), "--seed", "3"])
    assert result.exit_code == 0, result.output
    assert len(read_manifest(out)) == made.files
    lines = result.stdout.splitlines()
    heading = next(line for line in lines if line.split()[:1] == ["split"])
    assert heading.split() == ["split", "files", "films", "groups", "not_fractured", "fractured"]
    everything = next(line for line in lines if line.split()[:1] == ["all"])
    assert everything.split()[1:4] == ["72", "24", "24"]
    assert result.stderr == ""  # no progress where no one watches
    assert lines[-1] == f"{out}: 72 rows, 0 of them left out; root {made.root}"


def test_it_stands_in_the_current_folder(made: Synthetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(index_command, [str(made.root / "truth.csv")]).exit_code == 0
    assert (tmp_path / "manifest.csv").exists()


def test_a_bad_file_is_one_line_and_no_failure(made: Synthetic, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(made.root, raw)
    (raw / "fractured" / "two\nlines.png").touch()
    result = CliRunner().invoke(index_command, [str(raw), "--out", str(tmp_path / "m.csv")])
    assert result.exit_code == 0
    assert "left out: fractured/two\\nlines.png: zero bytes long; copy the file again" in result.stdout.splitlines()


def test_a_random_split_warns_with_numbers(made: Synthetic, tmp_path: Path) -> None:
    arguments = [str(made.root), "--out", str(tmp_path / "m.csv"), "--split", "random"]
    result = CliRunner().invoke(index_command, arguments)
    assert "WARNING: this random split of files: " in result.stdout
    assert "test files have a copy of the same film in training" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--fractions", "a,b"], "'a,b'; expected three numbers such as 0.7,0.15,0.15"),
        (["--keep-split", "--split", "random"], "--keep-split and --split random exclude each other"),
    ],
)
def test_wrong_usage(made: Synthetic, arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(index_command, [str(made.root), *arguments])
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_known_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["index", str(tmp_path / "gone")])
    assert exit_.value.code == 1
    assert "gone: no such folder or file; expected CLASS/image folders" in capsys.readouterr().err
