"""The commands that the audit names for predictions made elsewhere can be run as they are printed."""

import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from fxkit.audit.evidence import read_evidence
from fxkit.audit.rules import Answer
from fxkit.audit.verdict import answer_questions
from fxkit.cli import fxkit

NEEDS_A_MODEL_OR_FILMS = ("MODEL", "DATA", "CLEANED")  # placeholders that the tests do not fill


def write_table(file: Path, first: int = 0, n: int = 60, *, val: bool = True, patients: bool = True) -> None:
    rng, rows = np.random.default_rng(first), ["path,patient,label,probability,split,age"]
    for number in range(first, first + n):
        positive = number % 2
        p = np.clip(rng.normal(0.8 if positive else 0.4, 0.2), 0.01, 0.99)
        split = "val" if val and number % 3 == 0 else "test"
        patient = f"P{number}" if patients else ""
        rows.append(f"f{number}.png,{patient},{('normal', 'fracture')[positive]},{p:.4f},{split},{20 + number % 50}")
    file.write_text("\n".join(rows))


def write_verdicts(films: list[int]) -> None:
    """Write verdicts.csv, in which a person calls the labels of these films wrong."""
    labels = [("normal", "fracture"), ("fracture", "normal")]
    rows = [f"x,f{n}.png,{','.join(labels[n % 2])},accept" for n in films]
    Path("verdicts.csv").write_text("\n".join(["film,path,label,new_label,verdict", *rows]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file for most placeholders in the commands."""
    monkeypatch.chdir(tmp_path)
    write_table(Path("preds.csv"))
    for number, name in enumerate(("OTHER", "MORE_FILMS", "UNSEEN_FILMS", "FILMS_NEVER_USED"), start=1):
        write_table(Path(f"{name}.csv"), 1000 * number)
    Path("TRAIN").write_text("path,patient\nt1.png,T1\n")
    Path("leaking.csv").write_text("path,patient\nt1.png,P1\n")
    Path("TABLE.csv").write_text("path,sex\n" + "\n".join(f"f{n}.png,{'MF'[n // 2 % 2]}" for n in range(60)))
    write_verdicts([1])
    return tmp_path


def invoke(*arguments: str) -> None:
    result = CliRunner().invoke(fxkit, list(arguments))
    assert result.exit_code == 0, (arguments, result.output)


def parse(command: str) -> None:
    """Parse a command without running it; click refuses unknown options and missing arguments."""
    program, name, *arguments = shlex.split(command)
    assert program == "fxkit"
    with click.Context(fxkit) as context:
        found = fxkit.get_command(context, name)
        assert found is not None
        found.make_context(name, arguments, parent=context)


def commands_of(answers: tuple[Answer, ...]) -> dict[str, list[str]]:
    return {
        answer.key: [part.split("   #")[0].strip() for part in answer.command.split("&&")]
        for answer in answers
        if answer.command
    }


CASES = {
    "unknown training films": ["--predictions", "preds.csv"],
    "leak": ["--predictions", "preds.csv", "--trained-on", "leaking.csv"],
    "options": ["--predictions", "preds.csv", "--trained-on", "TRAIN", "--target", "sensitivity=0.9", "--target", "0.4",
                "--score", "probability", "--threshold", "0.6", "--prevalence", "0.2", "--subgroups", "TABLE.csv"],
    "scores": ["--predictions", "preds.csv", "--scale", "score", "--threshold", "0.5"],
    "no validation films": ["--predictions", "test only.csv"],
    "no patients": ["--predictions", "nameless.csv", "--trained-on", "TRAIN"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", list(CASES))
def test_each_command_is_understood_and_runs(folder: Path, case: str) -> None:
    write_table(folder / "test only.csv", val=False)
    write_table(folder / "nameless.csv", patients=False)
    invoke("evaluate", *CASES[case], "--out", "my results")
    commands = commands_of(answer_questions(read_evidence(Path("my results"))))
    assert {"markers", "metadata", "external", "subgroups", "size"} <= set(commands)
    for parts in commands.values():
        for command in parts:
            parse(command)
        if not any(placeholder in " ".join(parts) for placeholder in NEEDS_A_MODEL_OR_FILMS):
            for command in parts:
                invoke(*shlex.split(command)[1:], *(["--overwrite"] if "RESULTS" in command else []))


@pytest.mark.slow
def test_the_commands_say_all_options_of_the_table(folder: Path) -> None:
    invoke("evaluate", *CASES["options"], "--out", "results")
    again = read_evidence(folder / "results").evaluate_command
    before = (folder / "results" / "metrics.json").read_text()
    invoke(*shlex.split(again)[1:])
    assert (folder / "results" / "metrics.json").read_text() == before
    assert again.startswith("fxkit evaluate --predictions preds.csv --trained-on TRAIN ")


@pytest.mark.slow
def test_calibrated_predictions_are_evaluated_in_a_folder_of_their_own(folder: Path) -> None:
    invoke("evaluate", *CASES["options"], "--out", "results")
    answers = answer_questions(read_evidence(Path("results")))
    for command in commands_of(answers)["calibration"]:
        invoke(*shlex.split(command)[1:])
    new = {answer.key: answer for answer in answer_questions(read_evidence(Path("CALIBRATED")))}
    old = {answer.key: answer for answer in answers}
    assert new["leak"].reason == old["leak"].reason
    assert new["score"].reason == old["score"].reason  # the order of the films is the same
    assert new["calibration"].facts != old["calibration"].facts


@pytest.mark.slow
def test_a_second_round_replaces_wrong_labels(folder: Path) -> None:
    invoke("evaluate", "--predictions", "preds.csv", "--out", "results")
    write_verdicts([1, 2, 4, 5])
    invoke("label-errors", "results", "--verdicts", "verdicts.csv")
    (command,) = commands_of(answer_questions(read_evidence(Path("results"))))["labels"]
    assert command == "fxkit evaluate --predictions preds.csv --out results --overwrite"
    invoke(*shlex.split(command)[1:])


@pytest.mark.slow
def test_without_films_no_root_is_invented(folder: Path) -> None:
    invoke("evaluate", "--predictions", "preds.csv", "--out", "results")
    commands = commands_of(answer_questions(read_evidence(Path("results"))))
    assert commands["markers"] == ["fxkit ablate masked-vs-raw --model MODEL --root FILMS --out results"]
    assert not any("--root ." in command for parts in commands.values() for command in parts)
