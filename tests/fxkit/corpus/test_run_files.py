"""JSON files of a run, a cleaned folder and an annotation tool that are damaged or changed: no command crashes.

The changes are drawn with a fixed seed. A command may also succeed, because it need not read the changed key.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fxkit.models.run_folder import Run
from fxkit.synth.dataset import Synthetic
from tests.fxkit.corpus.command import run

JUNK = (None, "", 5, -1, 1e308, [], {}, "x", [1, 2], True, {"a": 1}, 10**400, "\ud800", "\0", -0.5, float("nan"), 2**63)

DAMAGE: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut": lambda text: text[: len(text) // 2],
    "twice": lambda text: text + text,
    "deep": lambda text: text.replace(":", ": [" + "[" * 100_000, 1),
    "infinite": lambda text: text.replace("0", "1e999", 1),
    "5000 digits": lambda text: text.replace("1", "7" * 5000, 1),
    "NUL in a key": lambda text: text.replace('"', '"\\u0000', 1),
    "NUL before": lambda text: "\0" + text,
    "byte order mark": lambda text: "\ufeff" + text,
    "NaN": lambda text: "NaN",
    "list": lambda text: "[]",
}

pytestmark = pytest.mark.slow


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys to every value, and of a list to its first and last item."""
    yield at
    keys = list(value) if isinstance(value, dict) else sorted({0, len(value) - 1}) if isinstance(value, list) else []
    for key in keys if value else []:
        yield from places(value[key], (*at, key))


def changed(text: str, rng: random.Random) -> tuple[str, str]:
    """Return a JSON text with one key deleted, one value replaced, or the text damaged; and what was done."""
    if rng.random() < 0.2:
        name = rng.choice(list(DAMAGE))
        return DAMAGE[name](text), name
    values = json.loads(text)
    *above, key = rng.choice([place for place in places(values) if place])
    inner = values
    for part in above:
        inner = inner[part]
    if rng.random() < 0.3:
        del inner[key]
        return json.dumps(values), f"without {[*above, key]}"
    inner[key] = rng.choice(JUNK)
    return json.dumps(values), f"{[*above, key]} = {str(inner[key])[:20]!r}"


def check(command: tuple[object, ...], what: str) -> None:
    """Run a command; it must succeed, or refuse what it was given in one line for each error."""
    code, _, err = run(*command)
    where = f"{command[0]} with {what}: {err[-300:]}"
    assert code in (0, 1, 2), where
    assert "Traceback" not in err, where
    if code == 1:
        assert "error: " in err or "failed: " in err, where


@pytest.fixture(scope="module")
def evaluated(trained: Run, made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the files of evaluate, calibrate, cam and audit."""
    folder = Path(shutil.copytree(trained.folder, tmp_path_factory.mktemp("evaluated") / "run"))
    for command in (("evaluate", folder), ("cam", folder, "--limit", 2), ("audit", folder)):
        code, _, err = run(*command)
        assert code == 0, err
    return folder


@pytest.fixture(scope="module")
def cleaned(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made films without their known markers."""
    out = tmp_path_factory.mktemp("cleaned") / "clean"
    code, _, err = run("clean-labels", made.root, "--out", out, "--markers", made.root / "markers.json")
    assert code == 0, err
    return out


RUN_FILES = ("model.json", "manifest.json", "metrics.json", "phases.json", "environment.json", "validation.json")


@pytest.mark.parametrize("name", [*RUN_FILES, "cam/attention.json", "audit.json"])
def test_files_of_a_run(name: str, evaluated: Path, made: Synthetic, tmp_path: Path) -> None:
    film, rng = next(made.root.rglob("*.png")), random.Random(name)
    text, folder = (evaluated / name).read_text(), Path(shutil.copytree(evaluated, tmp_path / "run"))
    commands: tuple[tuple[object, ...], ...] = (
        ("predict", folder, film),
        ("report", folder),
        ("audit", folder),
        ("compare", folder, evaluated),
        ("push", folder, tmp_path / "shared", "--overwrite"),
    )
    for number in range(8):
        content, what = changed(text, rng)
        (folder / name).write_text(content, errors="surrogatepass")
        check(commands[number % len(commands)], f"{name}: {what}")


@pytest.mark.parametrize("name", ["ledger.jsonl", "clean.json", "markers.json", "association.json"])
def test_files_of_a_cleaned_folder(name: str, cleaned: Path, made: Synthetic, tmp_path: Path) -> None:
    rng, folder = random.Random(name), Path(shutil.copytree(cleaned, tmp_path / "clean"))
    lines = (cleaned / name).read_text().splitlines(keepends=True) if name == "ledger.jsonl" else None
    commands: tuple[tuple[object, ...], ...] = (
        ("clean-labels", made.root, "--out", folder, "--markers", made.root / "markers.json", "--dry-run"),
        ("train", "--data", folder, "--config", "tiny", "--runs", folder / "runs"),
        ("clean-labels", folder, "--markers", folder / "markers.json", "--dry-run", "--out", tmp_path / "again"),
    )
    for number in range(9):
        if lines:
            row = rng.randrange(len(lines))
            content, what = changed(lines[row].strip(), rng)
            content = "".join([*lines[:row], content + "\n", *lines[row + 1 :]])
        else:
            content, what = changed((cleaned / name).read_text(), rng)
        (folder / name).write_text(content, errors="surrogatepass")
        check(commands[number % len(commands)], f"{name}: {what}")


def test_coco_files_of_markers(made: Synthetic, tmp_path: Path) -> None:
    text, rng, file = (made.root / "markers.json").read_text(), random.Random("coco"), tmp_path / "markers.json"
    for _ in range(15):
        content, what = changed(text, rng)
        file.write_text(content, errors="surrogatepass")
        check(("clean-labels", made.root, "--out", tmp_path / "out", "--markers", file, "--dry-run"), what)
