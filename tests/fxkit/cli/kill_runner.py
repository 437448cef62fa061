"""Kill a command at many moments, run it again each time, and print what differs from an undisturbed run.

Each command runs in a fork of this process, which has already imported what the commands need. The command is killed
with SIGKILL just before its n-th access to a file: an opening, a renaming, a deletion or a new folder. The argument is
a JSON list: the number of moments, the folder to work in, and the arguments of the command, in which OUT stands for
the output folder.
"""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import preprocess.folder.clean_folder  # noqa: F401
from fxkit.cli import main

WATCHED = ("open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect", "shutil.rmtree")

OTHER_FILE_SYSTEM = Path("/dev/shm")

LEFT_ALONE = ("logs", ".lock", "cache.db", ".films", "environment.json")


def count_accesses(below: tuple[str, ...], kill_at: int, counter: int) -> None:
    """Count the accesses to files below folders into a pipe, and kill this process just before one of them."""
    seen = [0]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in WATCHED and str(arguments[0]).startswith(below):
            seen[0] += 1
            os.write(counter, b".")
            if seen[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def run(arguments: list[str], out: Path, *, kill_at: int = 0, temporary: Path | None = None) -> tuple[int, int, str]:
    """Run a command in a fork; return its exit status, the number of accesses to files, and the end of its output."""
    log = out.with_suffix(".log")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(to, 1)
        os.dup2(to, 2)
        if temporary:
            os.environ["TMPDIR"], tempfile.tempdir = str(temporary), None
        roots = tuple(argument for argument in arguments if argument.startswith("/"))
        count_accesses((str(out), *roots), kill_at, writer)
        try:
            main([argument.replace("OUT", str(out)) for argument in arguments])
        except SystemExit as end:
            os._exit(int(end.code or 0))
        os._exit(0)
    os.close(writer)
    accesses = 0
    while part := os.read(reader, 1 << 16):
        accesses += len(part)
    os.close(reader)
    return os.waitpid(child, 0)[1], accesses, log.read_text(errors="replace")[-500:]


def read(out: Path) -> dict[str, bytes]:
    """Return the files of the output folder. Checkpoints hold the path of their folder, so only their names count."""
    files = {
        path.relative_to(out).as_posix(): path
        for path in out.rglob("*")
        if path.is_file() and not any(part in path.relative_to(out).as_posix() for part in LEFT_ALONE)
    }
    return {name: b"" if name.endswith(".ckpt") else file.read_bytes() for name, file in files.items()}


def differences(moments: int, folder: Path, arguments: list[str]) -> list[str]:
    """Return a line for each moment after which the results differ, or a run fails."""
    whole = folder / "whole"
    whole.mkdir()
    status, accesses, log = run(arguments, whole)
    if status:
        return [f"the undisturbed run ended with {status}: {log}"]
    expected, wrong = read(whole), []
    for moment in range(moments):
        at = 1 + round(moment * (accesses - 1) / (moments - 1))
        other = OTHER_FILE_SYSTEM if moment % 2 and OTHER_FILE_SYSTEM.is_dir() else None
        out = folder / f"killed-{at}"
        out.mkdir()
        killed, _, _ = run(arguments, out, kill_at=at, temporary=other)
        status, _, log = run(arguments, out, temporary=other)
        got = read(out)
        differing = sorted(name for name in {*got, *expected} if got.get(name) != expected.get(name))
        if killed != signal.SIGKILL or status or differing:
            wrong.append(f"access {at} of {accesses}: killed {killed}, then {status}: {differing} {log}")
    return wrong


if __name__ == "__main__":
    _moments, _folder, _arguments = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(differences(_moments, Path(_folder), _arguments)))
