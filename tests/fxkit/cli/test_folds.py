"""`fxkit train --folds`, and the commands that come after it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fxkit.cli import fxkit
from fxkit.data.index import index_data
from fxkit.data.manifest import usable, write_manifest
from fxkit.run import open_run
from fxkit.synth import Synthetic


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(fxkit, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def run(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of the manifest's own folds, and what was printed."""
    place = tmp_path_factory.mktemp("folds")
    found = index_data(made.root, copies=False, folds=3)
    write_manifest(place / "manifest.csv", found.records)
    source = ["--manifest", place / "manifest.csv", "--root", made.root, "--runs", place, "--name", "run"]
    tiny = ["--config", "tiny", "--set", "data.image_size=64", "--epochs", "1,0", "--quiet"]
    return place / "run", invoke("train", *source, *tiny, "--folds", 3)


def test_each_fold_their_mean_and_the_pool_are_printed(run: tuple[Path, str]) -> None:
    lines = run[1].splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["fold 0", "fold 1", "fold 2"]
    values = json.loads((run[0] / "metrics_out_of_fold.json").read_text())
    mean, pooled = values["folds"]["mean"], values["film"]["figures"]["auroc"]
    assert f"  mean of folds  {mean['value']:.3f} ({mean['low']:.3f} to {mean['high']:.3f})" in run[1]
    assert f"  pooled         {pooled['value']:.3f} ({pooled['low']:.3f} to {pooled['high']:.3f})" in run[1]
    assert lines[-2:] == [f"run: {run[0]} (the mean of 3 models)", f"next: fxkit evaluate {run[0]}"]


def test_the_mean_is_evaluated_predicted_with_explained_and_reported(run: tuple[Path, str]) -> None:
    folder = run[0]
    opened = open_run(folder)
    film = usable(opened.records, "test")[0]
    assert f"{len(usable(opened.records, 'test'))} files" in invoke("evaluate", folder, "--device", "cpu")
    row = json.loads(invoke("predict", folder, opened.root / film.path, "--json", "--device", "cpu"))[0]
    told = (folder / "predictions.csv").read_text()
    assert f'"{film.path}"' in told
    assert f"{row['probabilities']['fractured']:.5f}" in {f"{float(line.split(',')[-1]):.5f}" for line in rows(told)}
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


def test_without_test_films_other_data_are_asked_for(made: Synthetic, tmp_path: Path) -> None:
    found = index_data(made.root, copies=False, folds=3, fractions=(1.0, 0.0, 0.0))
    write_manifest(tmp_path / "manifest.csv", found.records)
    source = ["--manifest", tmp_path / "manifest.csv", "--root", made.root, "--runs", tmp_path, "--name", "run"]
    tiny = ["--config", "tiny", "--set", "data.image_size=64", "--epochs", "1,0", "--quiet"]
    last = invoke("train", *source, *tiny, "--folds", 3).splitlines()[-1]
    assert last == f"next: fxkit evaluate {tmp_path / 'run'} --data OTHER, as there are no test films"
