"""Which engine runs a model, and when an export is made, used and left."""

import json
import shutil
from pathlib import Path

import pytest

from fxkit.errors import ConfigError, RunError
from fxkit.models import engines
from fxkit.models.engines import PAYS_FROM, fresh_export, has_accelerator, open_network
from fxkit.models.exported import FORMATS, Exported
from fxkit.models.predict_records import TorchNetwork
from fxkit.models.run_folder import Run


@pytest.fixture
def folder(trained: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


@pytest.fixture
def with_export(folder: Path, exported: Path) -> Path:
    (folder / "exported").mkdir()
    shutil.copy(exported, folder / "exported" / "model.onnx")
    return folder


def test_a_few_films_are_predicted_without_a_new_file(folder: Path) -> None:
    opened = open_network(folder, device="cpu", films=PAYS_FROM - 1)
    assert isinstance(opened.network, TorchNetwork)
    assert opened.note == ""
    assert not (folder / "exported").exists()


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_many_films_make_the_fastest_export_at_hand(form: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if form == "openvino":
        pytest.importorskip("openvino")
    else:
        monkeypatch.setattr(engines, "find_spec", lambda name: None)
    opened = open_network(folder, device="cpu", films=PAYS_FROM)
    assert isinstance(opened.network, Exported)
    assert fresh_export(folder, form) is not None
    assert [path.suffix for path in (folder / "exported").iterdir() if path.suffix != ".bin"] == [FORMATS[form]]


def test_an_export_is_used_where_there_is_one(with_export: Path) -> None:
    assert isinstance(open_network(with_export, device="cpu").network, Exported)
    assert isinstance(open_network(with_export, engine="onnx").network, Exported)
    assert isinstance(open_network(with_export, engine="torch", device="cpu").network, TorchNetwork)


def test_on_a_gpu_torch_runs(with_export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "has_accelerator", lambda: True)
    assert isinstance(open_network(with_export).network, TorchNetwork)


def test_an_accelerator_is_told_by_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert has_accelerator()


def test_an_export_of_an_older_model_is_left(with_export: Path) -> None:
    card = json.loads((with_export / "model.json").read_text())
    (with_export / "model.json").write_text(json.dumps(card | {"threshold": 0.3}))
    assert fresh_export(with_export, "onnx") is None
    assert isinstance(open_network(with_export, device="cpu").network, TorchNetwork)


def test_torch_predicts_where_the_export_is_damaged(with_export: Path) -> None:
    (with_export / "exported" / "model.onnx").write_bytes(b"x")
    opened = open_network(with_export, device="cpu")
    assert isinstance(opened.network, TorchNetwork)
    assert opened.note.startswith("torch predicts, since the export cannot be used: ")


def test_an_exported_file_is_opened_by_itself(exported: Path) -> None:
    assert isinstance(open_network(exported).network, Exported)
    with pytest.raises(ConfigError, match=r"--engine openvino: .*tiny\.onnx runs in onnx alone; leave --engine out"):
        open_network(exported, engine="openvino")
    with pytest.raises(ConfigError, match=r"--device cuda: .*tiny\.onnx runs on the processor; give the run folder"):
        open_network(exported, device="cuda")


def test_exports_run_on_the_processor_alone(folder: Path) -> None:
    with pytest.raises(ConfigError, match="--device cuda: onnx runs on the processor here; give --engine torch"):
        open_network(folder, engine="onnx", device="cuda")


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_a_folder_without_a_model_is_refused(engine: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run folder; make one with `fxkit train`"):
        open_network(tmp_path, engine=engine, device="cpu")
