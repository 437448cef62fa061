"""`fxkit evaluate` with operating points, prevalence and subgroups: on paper, in metrics.json and as pictures."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fxkit.cli.evaluate import evaluate
from fxkit.data.manifest import usable
from fxkit.errors import ConfigError, DataError
from fxkit.metrics.operating_points import Target, choose_threshold
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, read_json
from fxkit.models.saved import load_model
from fxkit.synth.dataset import Synthetic


@pytest.fixture
def folder(trained: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, [str(a) for a in arguments], catch_exceptions=False)


def test_operating_points_are_chosen_on_validation_films(folder: Path, trained: Run) -> None:
    done = run(folder, "--target", "sensitivity=0.9", "--target", "0.4", "--prevalence", "0.1")
    validation = predict_records(
        load_model(folder), trained.root, usable(trained.records, "val"), trained.config.data
    ).by_film()
    threshold = choose_threshold(validation, Target("sensitivity", 0.9))
    films, groups = len(validation), len(set(validation.groups))
    chosen = f"chosen on {films} validation films of {groups} groups: p >= {threshold:.4f}"
    lines = done.stdout.splitlines()
    start = lines.index(f"operating point sensitivity=0.9, {chosen}")
    names = [line.rsplit("  ", 1)[0].split("  ")[1] for line in lines[start + 1 : start + 7]]
    assert names == ["sensitivity", "specificity", "ppv", "npv", "ppv at 0.1", "npv at 0.1"]
    assert "operating point threshold 0.4, given: p >= 0.4000" in lines
    found = read_json(folder / "metrics.json")
    assert [point["threshold"] for point in found["operating_points"]] == [threshold, 0.4]
    assert found["decision_curve"]["prevalence"] == 0.1
    assert set(found["operating_points"][0]["levels"]) == {"file", "film", "group"}


def test_calibration_is_printed_and_drawn_without_being_asked_for(folder: Path) -> None:
    done = run(folder)
    found = read_json(folder / "metrics.json")
    assert f"calibration by film: ECE {found['calibration']['film']['ece']:.3f}, without chance" in done.stdout
    assert "slope (1 is right)" in done.stdout
    assert found["operating_points"] == []
    assert {path.name for path in (folder / "figures").iterdir()} >= {"reliability.png", "decision_curve.png"}


def test_subgroups_come_from_markers_and_columns(folder: Path, trained: Run, made: Synthetic, tmp_path: Path) -> None:
    rows = "".join(f"{r.path},{i % 2}\n" for i, r in enumerate(trained.records))
    (tmp_path / "films.csv").write_text(f"path,hardware\n{rows}")
    markers = made.root / "markers.json"
    done = run(folder, "--subgroups", tmp_path / "films.csv", "--by", "hardware", "--markers", markers)
    found = read_json(folder / "metrics.json")
    parts = [(part["attribute"], part["value"]) for part in found["subgroups"]]
    assert ("hardware", "0") in parts
    assert ("hardware", "1") in parts
    assert "few groups: read the interval" in done.stdout
    assert found["multiplicity"] in done.stdout
    assert "hardware = 1" in (folder / "report.html").read_text()


def test_a_wrong_target_table_or_use_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="target 'best': expected sensitivity=X"):
        run(folder, "--target", "best")
    with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read"):
        run(folder, "--subgroups", tmp_path / "nowhere.csv")
    done = CliRunner().invoke(evaluate, [str(folder), "--by", "site"])
    assert done.exit_code == 2
    assert "--by needs --subgroups, the CSV file with that column" in done.stderr


def test_a_target_of_a_run_without_validation_films_is_told(trained: Run, tmp_path: Path) -> None:
    from fxkit.models.run_folder import create_run
    from fxkit.models.saved import save_model

    create_run(tmp_path / "run", trained.config, trained.root, usable(trained.records, "test"))
    save_model(tmp_path / "run", load_model(trained.folder))
    with pytest.raises(
        DataError, match="split 'val' has no usable file to choose a threshold; give --target a threshold"
    ):
        run(tmp_path / "run", "--target", "youden")
