"""Data, cleaning and training on the page."""

import json
from pathlib import Path

import pytest

from fxkit.data.manifest import write_manifest
from fxkit.report.build import build_report

from .conftest import (
    Page,
    record,
    write_run,
)


def test_data_are_counted_by_split_and_class(tmp_path):
    rows = [record(i, "train", f"g{i // 2}", "ab"[i == 4]) for i in range(5)] + [record(9, "test", "g9", "a")]
    write_manifest(tmp_path / "manifest.csv", rows)
    text = Page(build_report(tmp_path)).text
    assert "a: films (files) b: films (files) train 5 3 3 2 (4) 1 (1) test 1 1 1 1 (1) 0 (0) all 6 4 4" in text


def test_groups_are_called_patients_if_the_manifest_names_patients(tmp_path):
    run = write_run(tmp_path / "run")
    rows = [record(i, ("train", "test")[i // 4], f"p{i}", ("a", "b")[i % 2], f"p{i}") for i in range(8)]
    write_manifest(run / "manifest.csv", rows)
    text = Page(build_report(run)).text
    assert "8 films of 8 patients" in text
    assert "does not name the patients" not in text


def write_ledger(run: Path, cleaning: object) -> Path:
    """A ledger in the image root, whose rows name files as they were before cleaning."""
    images = run / "images"
    images.mkdir()
    marker = {"quad": [[0, 0], [4, 0], [4, 4], [0, 4]], "text": "L", "confidence": 0.9, "style": ""}
    rows = [
        {"path": "0.jpg", "output": "0.png", "status": "cleaned", "markers": [marker, marker]},
        {"path": "1.png", "output": "1.png", "status": "copied", "markers": []},
        {"path": "2.png", "output": "", "status": "failed", "markers": []},
        {"path": "other.png", "output": "other.png", "status": "cleaned", "markers": [marker]},
    ]
    (images / "ledger.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run / "manifest.json").write_text(json.dumps({"root": str(images), "cleaning": cleaning}))
    return images


def test_cleaning_is_counted_from_the_ledger_for_the_files_of_the_run(tmp_path):
    run = write_run(tmp_path / "run")
    write_ledger(run, {"detector": "rapidocr"})
    text = Page(build_report(run)).text
    assert "2 markers were erased on 1 of 3 files (rapidocr). 1 file had no marker, and 1 could not be cleaned." in text


def test_a_run_on_raw_films_shows_no_cleaning(tmp_path):
    run = write_run(tmp_path / "run")
    write_ledger(run, None)
    text = Page(build_report(run)).text
    assert "markers were erased on" not in text
    assert "No cleaning is recorded: according to this folder, markers were not erased from the films." in text


@pytest.mark.parametrize("damage", ["no root", "no ledger", "torn ledger", "no manifest"])
def test_a_cleaned_run_without_a_ledger_is_reported_without_counts(tmp_path, damage):
    run = write_run(tmp_path / "run")
    images = write_ledger(run, {"detector": "rapidocr"})
    if damage == "torn ledger":
        (images / "ledger.jsonl").write_text("{}\n")
    elif damage == "no manifest":
        (run / "manifest.csv").unlink()
    else:
        (images / "ledger.jsonl").unlink()
    if damage == "no root":
        images.rmdir()
    text = Page(build_report(run)).text
    assert "The model was trained on cleaned films (rapidocr). The number of erased markers is unknown" in text


def test_training_shows_the_kept_epoch_and_the_settings(tmp_path):
    text = Page(build_report(write_run(tmp_path / "run"))).text
    assert "Epoch 1 of phase finetune was kept: validation loss 0.600; fine-tuned from layer3." in text
    assert "epochs: head, fine-tuning 5, 15" in text
    assert "python 3.12 timm 1" in text
