"""`fxkit evaluate --predictions`, and the commands that read its folder."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fxkit.cli import fxkit


def run(*args: object) -> Result:
    """Run fxkit with these arguments."""
    return CliRunner().invoke(fxkit, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions of 80 patients, one film each, in the splits val and test."""
    rows = ["id,patient,truth,score,split"]
    for n in range(80):
        positive = n % 2
        score = (n * 37 % 100) / 200 + 0.4 * positive
        rows.append(f"f{n},P{n},{'fracture' if positive else 'normal'},{score:.3f},{'val' if n < 30 else 'test'}")
    file = tmp_path_factory.mktemp("table") / "preds.csv"
    file.write_text("\n".join(rows))
    return file


@pytest.fixture(scope="module")
def folder(table: Path) -> Path:
    """The folder of their figures. Tests must not change them."""
    out = table.parent / "out"
    result = run("evaluate", "--predictions", table, "--out", out, "--target", "youden")
    assert result.exit_code == 0, result.output
    assert "scores are read from `score`, as probabilities of the positive class" in result.output
    assert "50 files, 50 films, 50 groups" in result.output
    assert "operating point youden, chosen on 30 validation films of 30 groups" in result.output
    return out


def test_the_folder_is_reported_audited_and_calibrated(folder: Path) -> None:
    assert (folder / "report.html").is_file()
    audit = run("audit", folder)
    assert audit.exit_code == 0, audit.output
    assert "so they could not be compared" in audit.output
    calibrated = run("calibrate", folder)
    assert calibrated.exit_code == 0, calibrated.output
    assert "logit(calibrated) = logit(p) / " in calibrated.output
    compared = run("compare", folder, folder)
    assert "50 films, 50 groups" in compared.output


def test_other_data_answer_the_question_of_the_audit(folder: Path, table: Path) -> None:
    results, other = shutil.copytree(folder, table.parent / "copied"), table.parent / "other.csv"
    other.write_text(table.read_text().replace("P", "Q").replace("\nf", "\ng"))
    result = run("evaluate", "--predictions", other, "--out", results, "--name", "elsewhere")
    assert result.exit_code == 0, result.output
    assert "80 files, 80 films, 80 groups" in result.output
    assert f"figures: {results / 'evaluations' / 'elsewhere' / 'metrics.json'}" in result.output
    assert f"report: {results / 'report.html'}" in result.output
    assert "Does the score hold on other data? On elsewhere, the AUROC is" in run("audit", results).output


def test_an_audit_can_fail_a_check(folder: Path) -> None:
    assert run("audit", folder, "--fail-on", "caution").exit_code == 4
    result = run("audit", folder, "--fail-on", "fail", "--json")
    answers = json.loads(result.stdout)["answers"]
    failed = [answer["key"] for answer in answers if answer["colour"] == "red"]
    assert result.exit_code == (4 if failed else 0)
    assert result.stderr == (f"--fail-on fail: {', '.join(failed)}\n" if failed else "")


def test_a_leak_from_the_training_films_fails_the_audit(table: Path, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id,patient\nold1,p50\nold2,P999\n")
    result = run("evaluate", "--predictions", table, "--out", tmp_path / "out", "--trained-on", tmp_path / "train.csv")
    assert "leaking split: of 50 test files, 1 (2 %) is another film of a training patient" in result.output
    assert run("audit", tmp_path / "out", "--fail-on", "fail").exit_code == 4


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), "give RUN, or --predictions FILE, or --model MODEL"),
        (("RUN", "--predictions", "preds.csv"), "give RUN, or --predictions FILE, or --model MODEL"),
        (("--predictions", "preds.csv"), "--predictions needs --out"),
        (("RUN", "--scale", "logit"), "--scale needs --predictions"),
        (("RUN", "--score", "p"), "--score needs --predictions"),
        (("--predictions", "preds.csv", "--out", "x", "--tta", "flips"), "--tta needs RUN"),
        (("--predictions", "preds.csv", "--out", "x", "--data", "films"), "--data needs RUN"),
    ],
)
def test_options_of_the_other_source_are_wrong_usage(args: tuple[str, ...], expected: str) -> None:
    result = run("evaluate", *args)
    assert result.exit_code == 2
    assert expected in result.output
