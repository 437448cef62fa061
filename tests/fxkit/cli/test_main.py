"""The command line as a whole: exit codes, one line per error, and a log file for bugs."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from fxkit import __version__, cli
from fxkit.errors import DataError


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    code = caught.value.code
    assert isinstance(code, int)
    return code


def failing_with(error: BaseException) -> click.Command:
    @click.command("fail")
    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> dict[str, click.Command]:
    commands = dict(cli.fxkit.commands)
    monkeypatch.setattr(cli.fxkit, "commands", commands)
    return commands


def test_success_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert __version__ in capsys.readouterr().out


def test_a_known_error_exits_with_1_and_prints_one_line(
    command: dict[str, click.Command], capsys: pytest.CaptureFixture[str]
) -> None:
    command["fail"] = failing_with(DataError("a name\nwith a break\x1b[2J: bad"))
    assert run("fail") == 1
    assert capsys.readouterr().err == "error: a name\\nwith a break\\x1b[2J: bad\n"


def test_an_error_of_the_system_exits_with_1(
    command: dict[str, click.Command], capsys: pytest.CaptureFixture[str]
) -> None:
    command["fail"] = failing_with(PermissionError(13, "Permission denied", "film.png"))
    assert run("fail") == 1
    assert "Permission denied: 'film.png'" in capsys.readouterr().err


def test_a_full_disk_is_explained(command: dict[str, click.Command], capsys: pytest.CaptureFixture[str]) -> None:
    command["fail"] = failing_with(OSError(28, "No space left on device", "last.ckpt"))
    assert run("fail") == 1
    assert "free some space, then start again or continue with --resume" in capsys.readouterr().err


def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--nosuchoption") == 2
    assert "No such option" in capsys.readouterr().err


def test_a_bug_exits_with_3_and_writes_its_traceback_to_a_log(
    command: dict[str, click.Command], capsys: pytest.CaptureFixture[str]
) -> None:
    command["fail"] = failing_with(ZeroDivisionError("oh"))
    assert run("fail") == 3
    text = capsys.readouterr().err
    log = Path(text.split("The traceback is in ")[1].split(";")[0])
    assert "ZeroDivisionError: oh" in log.read_text()
    assert text.count("\n") == 1
    log.unlink()


def test_an_interruption_exits_with_130(command: dict[str, click.Command], capsys: pytest.CaptureFixture[str]) -> None:
    command["fail"] = failing_with(KeyboardInterrupt())
    assert run("fail") == 130
    assert "error: interrupted" in capsys.readouterr().err


def test_the_console_script_runs() -> None:
    script = Path(sys.executable).with_name("fxkit")
    text = subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout
    for name in cli.fxkit.commands:
        assert f"\n  {name} " in text


def test_a_full_memory_is_explained(command: dict[str, click.Command], capsys: pytest.CaptureFixture[str]) -> None:
    command["fail"] = failing_with(MemoryError("Unable to allocate 3. TiB"))
    assert run("fail") == 1
    assert "error: the memory is full (Unable to allocate 3. TiB); use smaller films" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["cp1252", "iso8859-15"])
def test_characters_that_a_code_page_lacks_are_replaced(encoding: str) -> None:
    code = (
        "import click; from fxkit import cli\n"
        "cli.fxkit.add_command(click.Command('tick', callback=lambda: click.echo('\u2713 passed')))\n"
        "cli.main(['tick'])"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout.decode(encoding).splitlines() == ["? passed"]
