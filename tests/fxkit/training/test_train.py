"""Training in two phases: it learns, writes the run folder, resumes exactly and refuses wrong input."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fxkit.data.manifest import write_manifest
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.index.build import index_data
from fxkit.models.run_folder import Run
from fxkit.models.saved import load_model
from fxkit.training.films import check_records
from fxkit.training.history import read_history
from fxkit.training.train import TrainOptions, train

from .conftest import Source, settings, stop_training_after

RESUME = TrainOptions(resume=True)


def test_a_run_folder_contains_the_documented_files(trained: Run) -> None:
    names = {path.name for path in trained.folder.iterdir()}
    assert names >= {
        "config.yaml",
        "environment.json",
        "manifest.csv",
        "manifest.json",
        "history.csv",
        "validation.json",
        "model.safetensors",
        "model.json",
        "logs",
    }
    assert (trained.folder / "figures" / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((trained.folder / "logs").rglob("events.out.tfevents*"))


def test_the_history_has_a_row_for_each_epoch(trained: Run) -> None:
    rows = read_history(trained.folder / "history.csv")
    assert [(r["phase"], r["epoch"]) for r in rows] == [("head", "0"), ("finetune", "0")]
    assert all(float(r["val_loss"]) > 0 and 0 <= float(r["val_auroc"]) <= 1 for r in rows)
    assert read_history(trained.folder / "nowhere.csv") == []


def test_the_same_seed_gives_the_same_weights(source: Source, trained: Run, tmp_path: Path) -> None:
    train(settings(), *source, tmp_path / "again")
    other = tmp_path / "again" / "model.safetensors"
    assert other.read_bytes() == (trained.folder / "model.safetensors").read_bytes()


def test_a_killed_run_resumes_to_the_same_weights(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings("optim.epochs=[2, 2]")
    train(config, *source, tmp_path / "whole")
    for stop_after in (2, 3):
        folder = tmp_path / f"stopped{stop_after}"
        with monkeypatch.context() as patch:
            stop_training_after(patch, stop_after)
            with pytest.raises(SystemExit):
                train(config, *source, folder)
        train(config, *source, folder, RESUME)
        for name in ("model.safetensors", "history.csv"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_killed_before_its_first_epoch_resumes_with_the_given_weights(
    source: Source, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings("optim.epochs=[1, 0]", f"model.weights={trained.folder / 'model.safetensors'}")
    with monkeypatch.context() as patch:
        stop_training_after(patch, 1)
        with pytest.raises(SystemExit):
            train(config, *source, tmp_path / "run")
    train(config, *source, tmp_path / "run", RESUME)
    initial, saved = (load_file(f / "model.safetensors") for f in (trained.folder, tmp_path / "run"))
    assert all(torch.equal(saved[key], initial[key]) for key in initial if key.startswith("backbone."))


def test_the_saved_weights_are_those_of_the_best_epoch(source: Source, tmp_path: Path) -> None:
    result = train(settings("optim.epochs=[3, 2]"), *source, tmp_path / "run")
    rows = read_history(tmp_path / "run" / "history.csv")
    best = min(rows, key=lambda r: float(r["val_loss"]))
    assert (result.phase, str(result.epoch)) == (best["phase"], best["epoch"])
    checkpoint = tmp_path / "run" / "checkpoints" / result.phase / "best.ckpt"
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    saved = load_file(tmp_path / "run" / "model.safetensors")
    assert all(torch.equal(tensor, state[f"classifier.{key}"]) for key, tensor in saved.items())


def test_early_stopping_ends_a_phase_that_does_not_improve(source: Source, tmp_path: Path) -> None:
    train(settings("optim.epochs=[30, 0]", "optim.patience=1", "optim.head_lr=1.0"), *source, tmp_path / "run")
    assert len(read_history(tmp_path / "run" / "history.csv")) < 30


def test_fine_tuning_alone_needs_no_head_phase(source: Source, tmp_path: Path) -> None:
    result = train(settings("optim.epochs=[0, 1]", "model.finetune_from=layer4"), *source, tmp_path / "run")
    assert (result.phase, result.finetuned_from) == ("finetune", "layer4")


def test_a_model_of_more_than_two_classes_can_be_trained(source: Source, tmp_path: Path) -> None:
    root, records = source
    train(settings(), root, [replace(r, label=f"class{i % 3}") for i, r in enumerate(records)], tmp_path / "run")
    model = load_model(tmp_path / "run")
    assert model.card.classes == ("class0", "class1", "class2")


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["test_vit", "test_efficientnet", "test_convnext", "test_nfnet"])
def test_backbones_of_other_families_can_be_trained(source: Source, tmp_path: Path, backbone: str) -> None:
    result = train(settings(f"model.backbone={backbone}"), *source, tmp_path / "run")
    assert result.finetuned_from
    assert load_model(tmp_path / "run").card.model.backbone == backbone


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["resnet50", "efficientnet_b0", "densenet121", "convnext_tiny", "vit_small_patch16_224"]
)
def test_the_common_backbones_can_be_trained(source: Source, tmp_path: Path, backbone: str) -> None:
    root, records = source
    films = [r for r in records if "rotated" not in r.path]
    config = settings(f"model.backbone={backbone}", "data.batch_size=8")
    assert train(config, root, films, tmp_path / "run").finetuned_from
    assert load_model(tmp_path / "run").card.model.backbone == backbone


@pytest.mark.slow
def test_two_processes_write_one_run(source: Source, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.csv", source[1])
    arguments = ["train", "--manifest", "manifest.csv", "--root", str(source[0]), "--config", "tiny"]
    arguments += ["--image-size", "64", "--runs", ".", "--name", "run", "--quiet"]
    arguments += ["--accelerator", "cpu", "--devices", "2", "--strategy", "ddp"]
    script = Path(sys.executable).with_name("fxkit")
    done = subprocess.run([script, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best epoch") == 1
    assert len(read_history(tmp_path / "run" / "history.csv")) == 2
    assert load_model(tmp_path / "run").card.classes == ("not_fractured", "fractured")


@pytest.mark.slow
def test_training_learns_markers_that_reveal_the_class(tmp_path: Path) -> None:
    from fxkit.synth.dataset import SynthOptions, synth

    made = synth(tmp_path / "films", SynthOptions(films=120, size_px=96, marker_correlation=1.0))
    index = index_data(made.root)
    config = settings("optim.epochs=[2, 14]", "optim.finetune_backbone_lr=3e-3", "augment.enabled=false")
    result = train(config, index.root, index.records, tmp_path / "run")
    assert result.val_auroc > 0.7


def test_an_existing_run_is_refused(source: Source, trained: Run) -> None:
    with pytest.raises(RunError, match="already exists"):
        train(settings(), *source, trained.folder)


def test_resuming_with_other_settings_is_refused(source: Source, trained: Run) -> None:
    with pytest.raises(RunError, match="was started with other 'optim' settings"):
        train(settings("optim.patience=1"), *source, trained.folder, RESUME)


def test_resuming_on_other_films_is_refused(source: Source, trained: Run) -> None:
    with pytest.raises(RunError, match="was started with another manifest"):
        train(settings(), source[0], source[1][1:], trained.folder, RESUME)


def test_resuming_on_another_root_is_refused(source: Source, trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="was started with the films in"):
        train(settings(), tmp_path, source[1], trained.folder, RESUME)
    films = Path(shutil.copytree(source[0], tmp_path / "films"))
    train(settings("optim.epochs=[1, 0]"), films, source[1], tmp_path / "run")
    (films / "clean.json").write_text('{"settings": {"detector": "rapidocr"}}')
    with pytest.raises(RunError, match="was started with the films in"):
        train(settings("optim.epochs=[1, 0]"), films, source[1], tmp_path / "run", RESUME)


def test_an_unknown_stage_is_refused_before_anything_is_written(source: Source, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such module"):
        train(settings("model.finetune_from=layer9"), *source, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "setting",
    ["strategy=dpp", "accelerator=foo", "devices=zwei", "devices=0", "precision=17-mixed"],
)
def test_settings_that_lightning_refuses_are_known_errors_and_write_no_folder(
    source: Source, tmp_path: Path, setting: str
) -> None:
    with pytest.raises(ConfigError, match="trainer settings: "):
        train(settings(f"trainer.{setting}"), *source, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_backbone_is_a_known_error(source: Source, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="timm has no such model; did you mean"):
        train(settings("model.backbone=resnet5O"), *source, tmp_path / "run")


def test_a_single_class_is_refused(source: Source) -> None:
    with pytest.raises(DataError, match=r"found 1 class \(fractured\); expected two or more"):
        check_records([r for r in source[1] if r.label == "fractured"])


def test_a_split_without_a_class_is_refused(source: Source) -> None:
    records = [r for r in source[1] if not (r.split == "val" and r.label == "fractured")]
    with pytest.raises(DataError, match="split 'val' has no usable film of class 'fractured'"):
        check_records(records)
