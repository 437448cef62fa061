"""`fxkit push` and `fxkit pull`: a pulled model predicts and evaluates."""

from collections.abc import Callable
from pathlib import Path

import click
from click.testing import Result

from fxkit.cli.evaluate import evaluate
from fxkit.cli.predict import predict
from fxkit.cli.pull import pull
from fxkit.cli.push import push
from fxkit.data.manifest import usable, write_manifest
from fxkit.models.run_folder import Run


def test_a_pushed_model_can_be_pulled_and_used(trained: Run, tmp_path: Path, invoke: Callable[..., Result]) -> None:
    shared, pulled = tmp_path / "shared", tmp_path / "pulled"
    assert invoke(push, trained.folder, shared).stdout == f"model: {shared}\n"
    assert invoke(push, trained.folder, shared, "--overwrite").stdout == f"model: {shared}\n"
    assert invoke(pull, shared, pulled).stdout == f"run: {pulled}\n"
    film = trained.root / trained.records[0].path
    assert invoke(predict, pulled, film).stdout == invoke(predict, trained.folder, film).stdout
    write_manifest(tmp_path / "other.csv", usable(trained.records, "test"))
    assert invoke(push, trained.folder, shared, "--overwrite", "--with-hashes").stdout == f"model: {shared}\n"
    assert trained.records[0].sha256 in (shared / "manifest.csv").read_text()
    result = invoke(evaluate, pulled, "--manifest", tmp_path / "other.csv", "--root", trained.root)
    lines = result.stdout.splitlines()
    assert lines[0] == "12 files, 4 films, 4 groups"
    assert lines[-2] == f"figures: {pulled / 'evaluations' / 'other' / 'metrics.json'}"


def test_every_option_has_a_help_text() -> None:
    assert all(option.help for option in (*push.params, *pull.params) if isinstance(option, click.Option))
