"""Saved models are loaded unchanged, and incomplete or damaged ones are refused."""

from pathlib import Path

import pytest
import torch

from fxkit.errors import RunError
from fxkit.models.run_folder import Run, read_json, write_json
from fxkit.models.saved import load_model, save_model


def test_a_saved_model_is_loaded_unchanged(trained: Run, tmp_path: Path) -> None:
    model = load_model(trained.folder)
    save_model(tmp_path, model)
    loaded = load_model(tmp_path)
    assert loaded.card == model.card
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded.classifier(images), model.classifier(images))
    assert (tmp_path / "model.safetensors").read_bytes() == (trained.folder / "model.safetensors").read_bytes()


def test_an_unfinished_run_has_no_model(run_folder: Path) -> None:
    (run_folder / "model.safetensors").unlink()
    with pytest.raises(RunError, match=r"no model\.safetensors, because the training did not finish"):
        load_model(run_folder)


def test_a_folder_of_runs_is_not_a_run(run_folder: Path) -> None:
    with pytest.raises(RunError, match="not a run folder; make one with `fxkit train`"):
        load_model(run_folder.parent)


def test_damaged_weights_are_refused(run_folder: Path) -> None:
    weights = run_folder / "model.safetensors"
    data = weights.read_bytes()
    flipped = bytearray(data)
    flipped[-1] ^= 1
    for damaged in (data[: len(data) // 2], bytes(flipped)):
        weights.write_bytes(damaged)
        with pytest.raises(RunError, match=r"model\.safetensors: does not have the SHA-256 in model\.json"):
            load_model(run_folder)


def test_weights_of_a_run_without_their_hash_are_loaded_if_they_fit(run_folder: Path) -> None:
    values = read_json(run_folder / "model.json")
    del values["weights_sha256"]  # as fxkit 0.1 wrote it
    write_json(run_folder / "model.json", values)
    assert load_model(run_folder).card.weights_sha256 == ""
    weights = run_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"does not fit model\.json"):
        load_model(run_folder)
