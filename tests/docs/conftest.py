"""Run the code of a page of the documentation, and compare what it prints with what the page shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

BIN = Path(sys.executable).parent

# No network: a download fails at once.
OFFLINE = {"HF_HUB_OFFLINE": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def run_page(page: Path, folder: Path) -> None:
    """Run the code of a page in a folder, and compare each block of output with what was printed so far."""
    environment = {**os.environ, **OFFLINE, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    printed = ""
    blocks = re.findall(
        r"^```(bash|python|text)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    for language, text in blocks:
        if language == "text":
            missing = [line for line in text.splitlines() if label(line) not in squeeze(printed)]
            assert missing == [], f"the page shows lines that were not printed:\n{printed}"
            continue
        shell = ["bash", "-euo", "pipefail", "-c"] if language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*shell, text],
            cwd=folder,
            env=environment,
            text=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        printed += done.stdout
        assert done.returncode == 0, f"{text}\n{done.stdout}"


def label(line: str) -> str:
    """Return the words of a printed line that do not depend on the machine: those before its first number or colon.

    The verdicts of an audit are left out, and so is what follows "...".
    """
    line = re.sub(r"^\S (pass|caution|fail|not tested)\s", "", line)
    return squeeze(re.split(r"[-+]?\d|:|\?|\.\.\.", line)[0])


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
