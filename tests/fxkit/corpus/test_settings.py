"""Settings files in YAML that are damaged, hostile or wrong: each is refused in one line, and none is believed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fxkit.corpus.command import run

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

# What no command may take for settings, with a part of the reason.
DAMAGED: Mapping[str, tuple[bytes, str]] = {
    "alias bomb": (BOMB.encode(), "aliases stand for more than 100000 values"),
    "alias of itself": (b"a: &a\n  b: *a\n", "an alias stands for a value that contains it"),
    "alias of nothing": (b"a: *b\n", "undefined alias"),
    "key twice": (b"seed: 1\nseed: 2\n", "line 2: line 1 has the key 'seed' too"),
    "inner key twice": (b"a:\n  b: 1\n  b: 2\n", "line 3: line 2 has the key 'b' too"),
    "list": (b"- seed\n- 1\n", "holds a list; expected lines such as `key: value`"),
    "word": (b"baseline\n", "holds a str"),
    "number": (b"17\n", "holds a int"),
    "two documents": (b"seed: 1\n---\nseed: 2\n", "cannot be read as YAML"),
    "tab": (b"data:\n\timage_size: 64\n", "cannot be read as YAML"),
    "open bracket": (b"a: [1, 2\n", "cannot be read as YAML"),
    "open quote": (b'a: "1\n', "cannot be read as YAML"),
    "python object": (b"a: !!python/object/apply:os.system ['true']\n", "cannot be read as YAML"),
    "python name": (b"a: !!python/name:os.system\n", "cannot be read as YAML"),
    "unknown tag": (b"a: !settings {}\n", "cannot be read as YAML"),
    "list as key": (b"? [1, 2]\n: 3\n", "cannot be read as YAML"),
    "day 45": (b"a: 2024-13-45\n", "cannot be read as YAML"),
    "wrong base64": (b'a: !!binary "x"\n', "cannot be read as YAML"),
    "number of 5000 digits": (b"a: " + b"7" * 5000 + b"\n", "cannot be read as YAML"),
    "5000 brackets": (b"a: " + b"[" * 5000 + b"]" * 5000 + b"\n", "cannot be read as YAML"),
    "5000 braces": (b"a: " + b"{a: " * 5000 + b"}" * 5000 + b"\n", "cannot be read as YAML"),
    "Latin-1": ("a: größe\n".encode("latin-1"), "cannot be read as YAML"),
    "UTF-16 without mark": ("seed: 1\n".encode("utf-16-le"), "cannot be read as YAML"),
    "NUL": (b"seed: 1\0\n", "cannot be read as YAML"),
    "random bytes": (bytes(range(128, 256)) * 8, "cannot be read as YAML"),
    "JSON that is cut": (b'{"seed": 1, "data": {', "cannot be read as YAML"),
}

# Wrong training settings, with a part of the reason.
WRONG: Mapping[str, tuple[str, str]] = {
    "unknown key": ("sed: 1", "unknown key 'sed'; did you mean 'seed'?"),
    "unknown inner key": ("data: {image_sise: 64}", "unknown key 'data.image_sise'; did you mean 'data.image_size'?"),
    "number as key": ("5: 1", "5"),
    "null as key": ("null: 1", "None"),
    "word for a number": ("data: {image_size: large}", "data.image_size = 'large'"),
    "list for a number": ("seed: [1]", "seed = [1]"),
    "number for a section": ("data: 5", "data = 5"),
    "list for a section": ("optim: [1, 2]", "optim = [1, 2]"),
    "NaN": ("optim: {head_lr: .nan}", "optim.head_lr = nan"),
    "infinite": ("optim: {head_lr: .inf}", "optim.head_lr = inf"),
    "1e999": ("optim: {head_lr: 1e999}", "optim.head_lr = inf"),
    "negative": ("optim: {head_lr: -1e-3}", "optim.head_lr = -0.001"),
    "zero": ("data: {batch_size: 0}", "data.batch_size = 0"),
    "fraction": ("data: {image_size: 64.5}", "data.image_size = 64.5"),
    "one epoch number": ("optim: {epochs: [3]}", "optim.epochs"),
    "three epoch numbers": ("optim: {epochs: [1, 2, 3]}", "optim.epochs"),
    "no epochs": ("optim: {epochs: [0, 0]}", "not both 0"),
    "a date": ("seed: 2024-01-01", "seed = "),
    "other choice": ("optim: {loss: hinge}", "optim.loss = 'hinge'"),
    "huge": ("data: {image_size: 1000000000000}", "data.image_size = 1000000000000"),
    "loading": ("model: {args: {checkpoint_path: /etc/passwd}}", "checkpoint_path would load weights"),
}

RIGHT = {
    "empty": b"",
    "comment": b"# nothing\n",
    "small number": b"optim: {head_lr: 1e-4}\n",
    "byte order mark": b"\xef\xbb\xbfseed: 1\n",
    "UTF-16": "seed: 1\n".encode("utf-16"),
    "Windows lines": b"seed: 1\r\ndata:\r\n  image_size: 64\r\n",
    "anchors": b"optim: {head_lr: &rate 1e-3, finetune_head_lr: *rate}\n",
    "JSON": b'{"seed": 1, "data": {"image_size": 64}}',
}

COMMANDS = {
    "train": ("train", "--data", "{none}", "--config", "{file}"),
    "clean-labels": ("clean-labels", "{none}", "--config", "{file}"),
    "search": ("search", "--data", "{none}", "--space", "{file}"),
    "ablate": ("ablate", "{file}", "--data", "{none}"),
}


def run_with(settings: bytes, command: str, folder: Path) -> tuple[int, str]:
    """Run a command with a settings file, on a folder that does not exist; return its exit code and stderr."""
    file = folder / "settings.yaml"
    file.write_bytes(settings)
    values = {"file": file, "none": folder / "none"}
    code, _, err = run(*(part.format(**values) for part in COMMANDS[command]))
    return code, err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused_by_every_command(name: str, command: str, tmp_path: Path) -> None:
    settings, reason = DAMAGED[name]
    code, err = run_with(settings, command, tmp_path)
    assert (code, err.count("\n")) == (1, 1), err
    assert "settings.yaml: " in err
    assert reason in err


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_named(name: str, tmp_path: Path) -> None:
    settings, reason = WRONG[name]
    code, err = run_with(settings.encode(), "train", tmp_path)
    assert (code, err.count("\n")) == (1, 1), err
    assert "settings.yaml: " in err
    assert reason in err


@pytest.mark.parametrize("name", RIGHT)
def test_right_settings_are_read(name: str, tmp_path: Path) -> None:
    code, err = run_with(RIGHT[name], "train", tmp_path)
    assert code == 1
    assert "none: no such folder" in err  # the settings were read, and the films are missing
