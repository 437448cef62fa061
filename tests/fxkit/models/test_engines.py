"""Which engine runs a model, and when an export is written, used or ignored."""

import json
import shutil
from pathlib import Path

import pytest

from fxkit.errors import ConfigError, RunError
from fxkit.models import engines
from fxkit.models.engines import MIN_FILMS_FOR_EXPORT, has_accelerator, load_current_export, open_network
from fxkit.models.exported import FORMATS, ExportedModel
from fxkit.models.predict_records import TorchNetwork


@pytest.fixture
def with_export(run_folder: Path, exported: Path) -> Path:
    (run_folder / "exported").mkdir()
    shutil.copy(exported, run_folder / "exported" / "model.onnx")
    return run_folder


def test_torch_predicts_few_films_without_writing_an_export(run_folder: Path) -> None:
    opened = open_network(run_folder, device="cpu", films=MIN_FILMS_FOR_EXPORT - 1)
    assert isinstance(opened.network, TorchNetwork)
    assert opened.note == ""
    assert not (run_folder / "exported").exists()


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_many_films_write_the_fastest_available_export(
    form: str, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "openvino":
        pytest.importorskip("openvino")
    else:
        monkeypatch.setattr(engines, "find_spec", lambda name: None)
    opened = open_network(run_folder, device="cpu", films=MIN_FILMS_FOR_EXPORT)
    assert isinstance(opened.network, ExportedModel)
    assert load_current_export(run_folder, form) is not None
    assert [path.suffix for path in (run_folder / "exported").iterdir() if path.suffix != ".bin"] == [FORMATS[form]]


def test_an_existing_export_is_used(with_export: Path) -> None:
    assert isinstance(open_network(with_export, device="cpu").network, ExportedModel)
    assert isinstance(open_network(with_export, engine="onnx").network, ExportedModel)
    assert isinstance(open_network(with_export, engine="torch", device="cpu").network, TorchNetwork)


def test_torch_runs_on_a_gpu(with_export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "has_accelerator", lambda: True)
    assert isinstance(open_network(with_export).network, TorchNetwork)


def test_a_gpu_is_recognised_by_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert has_accelerator()


def test_an_export_of_an_older_model_is_ignored(with_export: Path) -> None:
    card = json.loads((with_export / "model.json").read_text())
    (with_export / "model.json").write_text(json.dumps(card | {"threshold": 0.3}))
    assert load_current_export(with_export, "onnx") is None
    assert isinstance(open_network(with_export, device="cpu").network, TorchNetwork)


def test_torch_predicts_if_the_export_is_damaged(with_export: Path) -> None:
    (with_export / "exported" / "model.onnx").write_bytes(b"x")
    opened = open_network(with_export, device="cpu")
    assert isinstance(opened.network, TorchNetwork)
    assert opened.note.startswith("using torch, because the export failed: ")


def test_an_exported_file_is_opened_without_its_run(exported: Path) -> None:
    assert isinstance(open_network(exported).network, ExportedModel)
    with pytest.raises(ConfigError, match=r"--engine openvino: .*tiny\.onnx runs in onnx only; leave out --engine"):
        open_network(exported, engine="openvino")
    with pytest.raises(ConfigError, match=r"--device cuda: .*tiny\.onnx runs on the CPU only; give the run folder"):
        open_network(exported, device="cuda")


@pytest.mark.parametrize("engine", ["auto", "torch", "onnx"])
def test_a_torchscript_file_of_an_earlier_version_is_refused(engine: str, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"model\.pt: TorchScript files .* no longer supported; export the run again"):
        open_network(tmp_path / "model.pt", engine=engine)


def test_exports_run_on_the_cpu_only(run_folder: Path) -> None:
    with pytest.raises(ConfigError, match="--device cuda: onnx runs on the CPU only; use --engine torch"):
        open_network(run_folder, engine="onnx", device="cuda")


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_a_folder_without_a_model_is_refused(engine: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder; make one with `fxkit train`"):
        open_network(tmp_path, engine=engine, device="cpu")
