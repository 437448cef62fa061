"""`fxkit train`: where its films come from, its run folder, folds, and its errors."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fxkit.cli import fxkit
from fxkit.cli.train import train
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import usable, write_manifest
from fxkit.errors import DataError
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.models.engines import load_current_export
from fxkit.models.run_folder import open_run
from fxkit.synth.dataset import Synthetic
from preprocess.errors import OutputError

TINY = ["--config", "tiny", "--set", "data.image_size=64", "--epochs", "1,0", "--quiet"]


@pytest.mark.slow
def test_a_data_folder_is_indexed_and_a_run_folder_is_written(made: Synthetic, tmp_path: Path) -> None:
    arguments = ["--data", str(made.root), *TINY, "--runs", str(tmp_path), "--name", "named", "--seed", "3"]
    arguments += ["--set", "trainer.export=onnx"]
    result = CliRunner().invoke(train, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    run = open_run(tmp_path / "named")
    assert run.config.seed == 3
    assert result.stdout.splitlines()[-1] == f"next: fxkit evaluate {tmp_path / 'named'}"
    assert load_current_export(tmp_path / "named", "onnx") is not None


def test_a_leaking_manifest_is_refused_or_stamped(made: Synthetic, tmp_path: Path) -> None:
    leaking = index_data(made.root, IndexOptions(split="random", copies=False))
    write_manifest(tmp_path / "manifest.csv", leaking.records)
    arguments = ["--manifest", str(tmp_path / "manifest.csv"), "--root", str(made.root), *TINY]
    arguments += ["--runs", str(tmp_path)]
    refused = CliRunner().invoke(train, arguments)
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception).startswith("the split leaks: of ")
    assert not (tmp_path / "test_resnet-seed0").exists()
    result = CliRunner().invoke(train, [*arguments, "--allow-leaks"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert leak_stamp(leaking.records) in result.stdout.splitlines()
    assert (tmp_path / "test_resnet-seed0" / "model.safetensors").is_file()
    assert not (tmp_path / "test_resnet-seed0" / "exported").exists()  # the preset `tiny` exports nothing


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "give either --data DIR, or --manifest FILE with --root DIR"),
        (["--data", "a", "--manifest", "b"], "give either --data DIR, or --manifest"),
        (["--manifest", "b"], "--manifest needs --root"),
        (["--data", "a", "--resume", "--overwrite"], "--resume and --overwrite cannot be combined"),
        (["--data", "a", "--folds", "3", "--lr-find"], "--folds cannot be combined with --lr-find or --dry-run"),
        (["--data", "a", "--lr-find", "--dry-run"], "--lr-find and --dry-run cannot be combined"),
        (["--data", "a", "--epochs", "5"], "--epochs 5: expected HEAD,FINETUNE, such as 5,15"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(train, arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_missing_root_is_named_before_the_films(made_index: Index, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.csv", made_index.records)
    arguments = ["--manifest", str(tmp_path / "manifest.csv"), "--root", "nowhere"]
    result = CliRunner().invoke(train, arguments)
    assert isinstance(result.exception, DataError)
    assert "nowhere: no such folder" in str(result.exception)


def test_resume_without_a_run_prints_a_note(made_index: Index, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.csv", made_index.records)
    films = ["--manifest", str(tmp_path / "manifest.csv"), "--root", str(made_index.root)]
    arguments = [*TINY, "--runs", str(tmp_path), "--name", "new", "--resume"]
    result = CliRunner().invoke(train, [*films, *arguments], catch_exceptions=False)
    assert "to resume; training starts from the beginning" in result.stderr


def test_runs_inside_the_data_folder_are_refused(made: Synthetic) -> None:
    arguments = ["--data", str(made.root), *TINY, "--runs", str(made.root / "runs")]
    result = CliRunner().invoke(train, arguments)
    assert isinstance(result.exception, OutputError)
    assert "lies inside the data folder" in str(result.exception)
    assert not (made.root / "runs").exists()


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(fxkit, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def run(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run with the folds of its manifest, and what `fxkit train` printed."""
    folder = tmp_path_factory.mktemp("folds")
    index = index_data(made.root, IndexOptions(copies=False, folds=3))
    write_manifest(folder / "manifest.csv", index.records)
    source = ["--manifest", folder / "manifest.csv", "--root", made.root, "--runs", folder, "--name", "run"]
    tiny = ["--config", "tiny", "--set", "data.image_size=64", "--epochs", "1,0", "--quiet"]
    return folder / "run", invoke("train", *source, *tiny, "--folds", 3)


@pytest.mark.slow
def test_each_fold_the_mean_and_the_pooled_score_are_printed(run: tuple[Path, str]) -> None:
    lines = run[1].splitlines()
    assert lines[0] == "positive class: fractured"
    assert [line.split(":")[0] for line in lines[1:4]] == ["fold 0", "fold 1", "fold 2"]
    values = json.loads((run[0] / "metrics_out_of_fold.json").read_text())
    mean, pooled = values["folds"]["mean"], values["film"]["figures"]["auroc"]
    assert f"  mean of folds  {mean['value']:.3f} ({mean['low']:.3f} to {mean['high']:.3f})" in run[1]
    assert f"  pooled         {pooled['value']:.3f} ({pooled['low']:.3f} to {pooled['high']:.3f})" in run[1]
    assert lines[-2:] == [f"run: {run[0]} (averages 3 models)", f"next: fxkit evaluate {run[0]}"]


def test_the_averaged_model_works_with_the_other_commands(run: tuple[Path, str]) -> None:
    folder = run[0]
    opened = open_run(folder)
    film = usable(opened.records, "test")[0]
    assert f"{len(usable(opened.records, 'test'))} files" in invoke("evaluate", folder, "--device", "cpu")
    row = json.loads(invoke("predict", folder, opened.root / film.path, "--json", "--device", "cpu"))[0]
    predictions = (folder / "predictions.csv").read_text()
    assert f'"{film.path}"' in predictions
    assert f"{row['probabilities']['fractured']:.5f}" in {
        f"{float(line.split(',')[-1]):.5f}" for line in rows(predictions)
    }
    assert "films" in invoke("cam", folder, "--limit", 2, "--device", "cpu")
    assert (folder / "cam" / "sheet.png").is_file()
    assert Path(invoke("report", folder).split()[-1]).read_text().count("Out of fold") == 1
    assert "AUROC" in Path(invoke("report", folder / "fold-1").split()[-1]).read_text()


def rows(text: str) -> list[str]:
    return text.splitlines()[1:]


def test_two_folds_are_too_few() -> None:
    result = CliRunner().invoke(fxkit, ["train", "--data", "a", "--folds", "2"])
    assert result.exit_code == 2
    assert "2 is not in the range x>=3" in result.stderr


@pytest.mark.slow
def test_a_run_without_test_films_asks_for_other_data(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False, folds=3, fractions=(1.0, 0.0, 0.0)))
    write_manifest(tmp_path / "manifest.csv", index.records)
    source = ["--manifest", tmp_path / "manifest.csv", "--root", made.root, "--runs", tmp_path, "--name", "run"]
    tiny = ["--config", "tiny", "--set", "data.image_size=64", "--epochs", "1,0", "--quiet"]
    last = invoke("train", *source, *tiny, "--folds", 3).splitlines()[-1]
    assert last == f"next: fxkit evaluate {tmp_path / 'run'} --data OTHER (the manifest has no test films)"
