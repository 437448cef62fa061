"""`fxkit push` and `fxkit pull`: there and back, and what then predicts and evaluates."""

from pathlib import Path

import click
from click.testing import CliRunner

from fxkit.cli.evaluate import evaluate
from fxkit.cli.predict import predict
from fxkit.cli.pull import pull
from fxkit.cli.push import push
from fxkit.data.manifest import usable, write_manifest
from fxkit.models.run_folder import Run


def invoke(command: click.Command, *arguments: object) -> list[str]:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_a_model_goes_there_and_back(trained: Run, tmp_path: Path) -> None:
    shared, taken = tmp_path / "shared", tmp_path / "taken"
    assert invoke(push, trained.folder, shared) == [f"model: {shared}"]
    assert invoke(push, trained.folder, shared, "--overwrite") == [f"model: {shared}"]
    assert invoke(pull, shared, taken) == [f"run: {taken}"]
    film = trained.root / trained.records[0].path
    assert invoke(predict, taken, film) == invoke(predict, trained.folder, film)
    write_manifest(tmp_path / "other.csv", usable(trained.records, "test"))
    assert invoke(push, trained.folder, shared, "--overwrite", "--with-hashes") == [f"model: {shared}"]
    assert trained.records[0].sha256 in (shared / "manifest.csv").read_text()
    told = invoke(evaluate, taken, "--manifest", tmp_path / "other.csv", "--root", trained.root)
    assert told[0] == "12 files, 4 films, 4 groups"
    assert told[-2] == f"figures: {taken / 'evaluations' / 'other' / 'metrics.json'}"


def test_every_option_has_a_help_text() -> None:
    assert all(option.help for option in (*push.params, *pull.params) if isinstance(option, click.Option))
