"""`fxkit audit`: the printed answers, the files, and evidence from other folders."""

import json
import shutil

from click.testing import CliRunner

from fxkit.cli.audit import audit
from fxkit.cli.evaluate import evaluate


def test_a_run_is_audited_before_and_after_its_evaluation(trained, tmp_path):
    run = tmp_path / "my run"
    shutil.copytree(trained.folder, run)
    before = CliRunner().invoke(audit, [str(run)])
    assert before.exit_code == 0, before.output
    assert "There is no score yet: the run was not evaluated." in before.stdout
    assert f"fxkit evaluate '{run}'" in (run / "audit.md").read_text()
    assert CliRunner().invoke(evaluate, [str(run)]).exit_code == 0
    after = CliRunner().invoke(audit, [str(run)])
    assert after.exit_code == 0, after.output
    lines = after.stdout.splitlines()
    assert lines[-1] == str(run / "audit.html")
    assert lines[-2].startswith("The score cannot be trusted. Failed: ")
    assert "✗ fail        Are enough independent cases tested?" in after.stdout
    values = json.loads((run / "audit.json").read_text())
    assert lines[0] == f"positive class: {values['positive']}" == "positive class: fractured"
    assert len(lines) == len(values["answers"]) + 3
    card = (run / "audit.md").read_text().split("## Model card")[1]
    assert "### Training data" in card
    assert "library_name" not in card


def test_data_card_and_ablation_may_lie_elsewhere(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained.folder, run)
    card = tmp_path / "data.json"
    card.write_text(json.dumps({"baseline": None, "files": []}))
    result = CliRunner().invoke(audit, [str(run), "--data-card", str(card)])
    assert result.exit_code == 0
    assert "The data card has no metadata baseline." in result.stdout
    result = CliRunner().invoke(audit, [str(run), "--ablation", str(tmp_path)])
    assert "ablation.json: no such file" in str(result.exception)
