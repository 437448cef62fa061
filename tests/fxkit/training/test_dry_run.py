"""`fxkit train --dry-run`: its plan is correct, and it writes one picture and nothing else."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from fxkit.cli.train import plan_lines
from fxkit.cli.train import train as command
from fxkit.config import load_config
from fxkit.data.manifest import usable, write_manifest
from fxkit.index.build import IndexOptions, index_data
from fxkit.models.classifier import build_classifier, count_features
from fxkit.synth.dataset import Synthetic
from fxkit.training.train import dry_run
from preprocess.images import read_image


def test_the_plan_matches_the_films_and_the_model(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    config = load_config("tiny", ["data.image_size=64", "data.batch_size=8", "optim.epochs=[2, 3]"])
    plan = dry_run(config, index.root, index.records, tmp_path / "dry_run.png")
    assert plan.classes == ("not_fractured", "fractured")
    assert [s.files for s in plan.splits] == [len(usable(index.records, s)) for s in ("train", "val", "test")]
    assert all(s.groups <= s.films < s.files for s in plan.splits)
    assert (plan.shape_in, plan.shape_out) == ((8, 3, 64, 64), (8, 2))
    head, finetune = plan.phases
    model = build_classifier(config.model, 2)
    assert head.trained == sum(p.numel() for p in model.head.parameters())
    assert head.trained + head.frozen == finetune.trained + finetune.frozen
    assert head.trained < finetune.trained
    assert (head.stage, finetune.stage, head.epochs, finetune.epochs) == ("", "layer3", 2, 3)
    assert head.steps == len(usable(index.records, "train")) // 8 + (len(usable(index.records, "train")) % 8 > 1)
    assert min(p.step_s for p in plan.phases) > 0
    assert read_image(plan.picture).shape == (2 * 66 + 2, 4 * 66 + 2)
    assert [path.name for path in tmp_path.iterdir()] == ["dry_run.png"]


@pytest.mark.parametrize("passes", [1, 3])
def test_a_probe_is_planned_as_passes_over_the_films(passes: int, made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root, IndexOptions(copies=False))
    texts = ["data.image_size=32", "data.batch_size=8", "optim.head=probe", "model.hidden=0", "data.workers=0"]
    config = load_config("tiny", [*texts, f"optim.epochs=[{passes}, 2]"])
    plan = dry_run(config, index.root, index.records, tmp_path / "dry_run.png")
    head, finetune = plan.phases
    assert (head.fitted, finetune.fitted) == (True, False)
    assert head.epochs == passes
    assert head.steps == -(
        -len(usable(index.records, "train")) // 8
    )  # all films: there is no batch normalisation to train
    assert head.trained == 2 * count_features(build_classifier(config.model, 2).backbone) + 2
    assert min(head.step_s, head.validation_s) > 0
    assert head.seconds == passes * head.steps * head.step_s + head.validation_s
    line = next(line for line in plan_lines(plan) if line.startswith("phase head"))
    assert line.startswith(f"phase head, fitted as a linear probe: {head.trained:,} parameters trained, ")
    assert f"frozen; {passes} {'pass' if passes == 1 else 'passes'} of {head.steps} steps" in line


def test_the_command_writes_no_run_folder(made: Synthetic, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.csv", index_data(made.root, IndexOptions(copies=False)).records)
    arguments = [
        "--manifest",
        str(tmp_path / "manifest.csv"),
        "--root",
        str(made.root),
        "--config",
        "tiny",
        "--image-size",
        "64",
        "--epochs",
        "1,0",
        "--dry-run",
    ]
    result = CliRunner().invoke(command, [*arguments, "--runs", str(tmp_path / "runs")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "classes: not_fractured, fractured"
    assert lines[-1] == f"picture of an augmented batch: {tmp_path / 'runs' / 'dry_run.png'}"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["dry_run.png"]
