"""`fxkit doctor`: the printed table and the exit code."""

import pytest
from click.testing import CliRunner

from fxkit.cli.doctor import doctor
from fxkit.doctor import Finding


@pytest.fixture
def run(monkeypatch):
    def with_findings(*findings: Finding):
        monkeypatch.setattr("fxkit.doctor.examine", lambda: findings)
        return CliRunner().invoke(doctor)

    return with_findings


def test_findings_make_an_aligned_table(run):
    result = run(Finding("Python", "ok", "3.12"), Finding("disk", "missing", "1 GB\nfree", "free some space"))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Python  ok       3.12",
        "disk    missing  1 GB\\nfree",
        "                 -> free some space",
    ]


def test_a_problem_is_named_and_makes_the_exit_code_1(run):
    result = run(Finding("torch", "problem", "does not match", "install again"))
    assert result.exit_code == 1
    assert result.stderr == "problems: torch\n"
