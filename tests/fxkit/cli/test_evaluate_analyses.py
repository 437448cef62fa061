"""`fxkit evaluate` with operating points, prevalence and subgroups: printed lines, metrics.json and figures."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fxkit.cli.evaluate import evaluate
from fxkit.data.manifest import usable
from fxkit.errors import ConfigError, DataError
from fxkit.metrics.calibration import Calibration
from fxkit.metrics.operating_points import Target, choose_threshold
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, read_json
from fxkit.models.saved import load_model
from fxkit.synth.dataset import Synthetic


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, [str(a) for a in arguments], catch_exceptions=False)


def test_operating_points_are_chosen_on_validation_films(run_folder: Path, trained: Run) -> None:
    result = run(run_folder, "--target", "sensitivity=0.9", "--target", "0.4", "--prevalence", "0.1")
    validation = predict_records(
        load_model(run_folder), trained.root, usable(trained.records, "val"), trained.config.data
    ).by_film()
    threshold = choose_threshold(validation, Target("sensitivity", 0.9))
    films, groups = len(validation), len(set(validation.groups))
    chosen = f"chosen on {films} validation films of {groups} groups: p >= {threshold:.4f}"
    lines = result.stdout.splitlines()
    start = lines.index(f"operating point sensitivity=0.9, {chosen}")
    names = [line.rsplit("  ", 1)[0].split("  ")[1] for line in lines[start + 1 : start + 7]]
    assert names == ["sensitivity", "specificity", "ppv", "npv", "ppv at 0.1", "npv at 0.1"]
    assert "operating point threshold 0.4, given: p >= 0.4000" in lines
    metrics = read_json(run_folder / "metrics.json")
    assert [point["threshold"] for point in metrics["operating_points"]] == [threshold, 0.4]
    assert metrics["decision_curve"]["prevalence"] == 0.1
    assert set(metrics["operating_points"][0]["levels"]) == {"file", "film", "group"}


def test_calibration_is_always_printed_and_drawn(run_folder: Path) -> None:
    result = run(run_folder)
    metrics = read_json(run_folder / "metrics.json")
    calibration = Calibration.model_validate(metrics["calibration"]["film"])
    assert calibration.ece_interval
    assert calibration.ece_interval.high > calibration.ece > 0
    assert f"calibration by film: ECE {calibration.ece_interval:.3f}, error corrected for chance" in result.stdout
    by_chance = f"  ECE of perfect probabilities with as many films: about {calibration.ece_by_chance:.3f}\n"
    assert by_chance in result.stdout
    assert "slope (ideally 1)" in result.stdout
    assert metrics["operating_points"] == []
    assert {path.name for path in (run_folder / "figures").iterdir()} >= {"reliability.png", "decision_curve.png"}


def test_subgroups_come_from_markers_and_columns(
    run_folder: Path, trained: Run, made: Synthetic, tmp_path: Path
) -> None:
    rows = "".join(f"{r.path},{i % 2}\n" for i, r in enumerate(trained.records))
    (tmp_path / "films.csv").write_text(f"path,hardware\n{rows}")
    markers = made.root / "markers.json"
    result = run(run_folder, "--subgroups", tmp_path / "films.csv", "--by", "hardware", "--markers", markers)
    metrics = read_json(run_folder / "metrics.json")
    parts = [(part["attribute"], part["value"]) for part in metrics["subgroups"]]
    assert ("hardware", "0") in parts
    assert ("hardware", "1") in parts
    assert "few groups, so read the intervals and not only the values" in result.stdout
    assert metrics["multiplicity"] in result.stdout
    assert "hardware = 1" in (run_folder / "report.html").read_text()


def test_a_wrong_target_table_or_option_is_an_error(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="target 'best': expected sensitivity=X"):
        run(run_folder, "--target", "best")
    with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read"):
        run(run_folder, "--subgroups", tmp_path / "nowhere.csv")
    result = CliRunner().invoke(evaluate, [str(run_folder), "--by", "site"])
    assert result.exit_code == 2
    assert "--by needs --subgroups, the CSV file with that column" in result.stderr


def test_a_target_needs_validation_films(trained: Run, tmp_path: Path) -> None:
    from fxkit.models.run_folder import create_run
    from fxkit.models.saved import save_model

    create_run(tmp_path / "run", trained.config, trained.root, usable(trained.records, "test"))
    save_model(tmp_path / "run", load_model(trained.folder))
    with pytest.raises(
        DataError, match="split 'val' has no usable file to choose a threshold; give --target a threshold"
    ):
        run(tmp_path / "run", "--target", "youden")
