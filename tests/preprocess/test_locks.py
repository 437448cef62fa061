"""One process at a time writes a folder; a lock ends with its process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from preprocess.errors import OutputError
from preprocess.folder.clean_folder import clean_folder
from preprocess.locks import lock, locked

HOLD = """
import sys, time
from pathlib import Path
from preprocess.locks import lock, name_command
name_command("fxkit train")
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the lock of the folder `out`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_with_the_number_of_the_first(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    now = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    words = (
        rf"out: fxkit train \(process {holder.pid} on .+, {now}\) is writing here; wait until it ends, or give another "
        "output; the lock is released when that process ends, even if it is killed"
    )
    with pytest.raises(OutputError, match=words), lock(tmp_path / "out"):
        pass
    with lock(tmp_path / "other"):
        pass


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_killed_process_is_free(
    holder: "subprocess.Popen[str]", tmp_path: Path, how: signal.Signals
) -> None:
    holder.send_signal(how)
    holder.wait()
    with lock(tmp_path / "out"):
        assert f" (process {os.getpid()} on " in (tmp_path / ".out.lock").read_text()
    assert not (tmp_path / ".out.lock").exists()


def test_a_function_can_hold_the_lock_of_the_folder_it_is_given(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    @locked("folder")
    def write(text: str, folder: str | Path = tmp_path / "other") -> bool:
        return Path(folder).with_name(f".{Path(folder).name}.lock").exists()

    assert write("a", tmp_path / "new")
    assert write("a", folder=str(tmp_path / "new"))
    with pytest.raises(OutputError, match="is writing here"):
        write("a", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]


def test_a_lock_leaves_no_folders_behind(tmp_path: Path) -> None:
    with lock(tmp_path / "a" / "b" / "run"):
        assert (tmp_path / "a" / "b" / ".run.lock").exists()
    assert not (tmp_path / "a").exists()
    with lock(tmp_path / "a" / "run"):
        (tmp_path / "a" / "run").mkdir()
    assert (tmp_path / "a" / "run").exists()


def test_a_process_may_take_its_own_lock_again(tmp_path: Path) -> None:
    with lock(tmp_path / "out"):
        with lock(tmp_path / "out"):
            pass
        assert (tmp_path / ".out.lock").exists()
    assert not (tmp_path / ".out.lock").exists()


def test_the_lock_removes_what_a_killed_process_left_of_the_file(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from preprocess.files import write_atomic\n"
        "write_atomic(sys.argv[1], (os.kill(os.getpid(), 9) for _ in '1'))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.csv")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with lock(tmp_path / "other.csv"):
        pass
    assert len(list(tmp_path.iterdir())) == 1
    with lock(tmp_path / "m.csv"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path / "out"):
        raise ZeroDivisionError
    with lock(tmp_path / "out"):
        pass


def test_where_no_file_can_be_made_no_lock_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with lock(tmp_path / "file" / "out"):
        pass


def test_two_runs_into_one_cleaned_folder_are_refused(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes(b"no film")
    with pytest.raises(OutputError, match="is writing here"):
        clean_folder(tmp_path / "films", tmp_path / "out")
    assert not (tmp_path / "out").exists()
