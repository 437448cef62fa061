"""The run folder: it is read back as written, and damaged or existing folders are refused."""

from pathlib import Path

import pytest

from fxkit import __version__
from fxkit.config import load_config
from fxkit.errors import RunError
from fxkit.models.run_folder import Run, create_run, open_run, read_json, write_json
from fxkit.models.test_time import select_views_of_run


def test_a_run_is_read_as_it_was_written(trained: Run) -> None:
    assert trained.config == load_config("tiny", ["data.image_size=64"])
    assert len(trained.records) == 72
    assert trained.root.is_dir()
    assert read_json(trained.folder / "environment.json")["fxkit"] == __version__


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"not a run folder \(config\.yaml is missing\)"):
        open_run(tmp_path)
    with pytest.raises(RunError, match="no such folder; expected one that `fxkit train` or `fxkit evaluate` wrote"):
        open_run(tmp_path / "absent")


def test_a_changed_manifest_is_refused(run_folder: Path) -> None:
    text = (run_folder / "manifest.csv").read_text()
    (run_folder / "manifest.csv").write_text(text.replace('"train"', '"test"', 1))
    with pytest.raises(RunError, match="was changed after the training"):
        open_run(run_folder)


def test_a_run_that_exported_torchscript_still_opens(run_folder: Path, trained: Run) -> None:
    config = (run_folder / "config.yaml").read_text()
    (run_folder / "config.yaml").write_text(config.replace("  export: null\n", "  export: torchscript\n"))
    run = open_run(run_folder)
    assert (run.config.trainer.export, run.config.optim) == ("onnx", trained.config.optim)
    assert run.records == trained.records
    assert select_views_of_run(run_folder, "flips")[0].name == "as it is"


@pytest.mark.parametrize(("text", "words"), [("{", "cannot be read"), ("[1]", "holds a list; expected a JSON object")])
def test_damaged_json_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(RunError, match=words):
        read_json(tmp_path / "x.json")


def test_an_existing_run_is_only_overwritten_on_request(trained: Run, run_folder: Path) -> None:
    with pytest.raises(RunError, match="already exists; choose another --name, or give --resume or --overwrite"):
        create_run(run_folder, trained.config, trained.root, trained.records)
    create_run(run_folder, trained.config, trained.root, trained.records, overwrite=True)
    assert not (run_folder / "model.safetensors").exists()


@pytest.mark.parametrize("killed_before", ["manifest.csv", "environment.json", "config.yaml"])
def test_a_run_folder_whose_creation_was_killed_is_created_again(
    trained: Run, tmp_path: Path, killed_before: str
) -> None:
    create_run(tmp_path, trained.config, trained.root, trained.records)
    written = ["manifest.json", "manifest.csv", "environment.json", "config.yaml"]
    for name in written[written.index(killed_before) :]:
        (tmp_path / name).unlink()
    create_run(tmp_path, trained.config, trained.root, trained.records)
    assert open_run(tmp_path).records == trained.records


def test_a_folder_with_a_manifest_alone_is_not_taken_for_a_run(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("of the user")
    with pytest.raises(RunError, match="already exists"):
        create_run(tmp_path, trained.config, trained.root, trained.records)


def test_a_folder_that_is_not_a_run_is_never_overwritten(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="is not a run folder, so it is not overwritten"):
        create_run(tmp_path, trained.config, trained.root, trained.records, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("change", "reason"), [({"sha256": 5}, "sha256: "), ({"root": None}, "root: "), ({"folds": -1}, "folds: ")]
)
def test_a_damaged_manifest_json_is_refused_with_its_key(
    run_folder: Path, change: dict[str, object], reason: str
) -> None:
    write_json(run_folder / "manifest.json", read_json(run_folder / "manifest.json") | change)
    with pytest.raises(RunError, match=rf"manifest\.json: damaged \({reason}.+\); restore the file or train again"):
        open_run(run_folder)
