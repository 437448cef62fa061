"""Exported files: their card, which files are refused, and that predicting with them needs no torch."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fxkit.data.manifest import usable
from fxkit.errors import RunError
from fxkit.models.exported import KEY, format_card, load_exported, model_hash, onnx_options, parse_card
from fxkit.models.predict_images import predict_images
from fxkit.models.predict_records import TorchNetwork
from fxkit.models.run_folder import Run
from fxkit.models.saved import load_model

HEAVY = ("torch", "timm", "albumentations", "lightning", "sklearn", "scipy", "matplotlib", "openvino")


def test_the_card_describes_how_to_use_the_file(trained: Run, exported: Path) -> None:
    card = load_exported(exported).card
    model = load_model(trained.folder).card
    assert (card.classes, card.preprocessing, card.cleaning) == (model.classes, model.preprocessing, model.cleaning)
    assert (card.threshold, card.temperature, card.backbone) == (model.threshold, model.temperature, "test_resnet")
    assert card.source == model_hash(trained.folder)
    assert parse_card(format_card(card), exported) == card
    values = json.loads(format_card(card))
    assert "bright bone" in values["rules"]["input"]
    assert values["positive"] == card.classes[1]


def test_batches_of_every_size_predict_what_the_model_predicts(trained: Run, exported: Path) -> None:
    paths = [trained.root / r.path for r in usable(trained.records, "test")]
    by_torch = predict_images(TorchNetwork(load_model(trained.folder), torch.device("cpu")), paths)
    for count in (1, 3, len(paths)):
        by_export = predict_images(load_exported(exported), paths[:count])
        assert np.allclose([p.probabilities for p in by_export], [p.probabilities for p in by_torch[:count]], atol=1e-5)
        assert [p.decision for p in by_export] == [p.decision for p in by_torch[:count]]


@pytest.mark.parametrize(("given", "threads"), [("3", 3), ("", 0), ("4,2", 0)])  # 0: one per core
def test_onnx_uses_as_many_threads_as_torch(given: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert onnx_options().intra_op_num_threads == threads


def test_the_hash_changes_with_the_model(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "model.json").write_text("{}")
    before = model_hash(tmp_path)
    (tmp_path / "model.json").write_text('{"threshold": 0.4}')
    assert len({before, model_hash(tmp_path), model_hash(trained.folder)}) == 3
    (tmp_path / "model.json").unlink()
    with pytest.raises(RunError, match=r"no finished model \(model\.json: No such file or directory\); make one with"):
        model_hash(tmp_path)


def test_prediction_imports_no_heavy_package(trained: Run, exported: Path) -> None:
    code = (
        "import sys\n"
        "from fxkit.cli import main\n"
        "try:\n"
        f"    main(['predict', {str(exported)!r}, {str(trained.root / trained.records[0].path)!r}])\n"
        "except SystemExit as done:\n"
        "    assert not done.code, done.code\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heading, row, loaded = done.stdout.splitlines()
    assert heading.startswith("decision\tp(not_fractured)")
    assert row.endswith(trained.records[0].path)
    assert loaded == "loaded: []"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.h5", r"model\.h5: exported models end in \.onnx or \.xml; make one with"),
        ("model.onnx", r"model\.onnx: no such file; make it with `fxkit export`"),
    ],
)
def test_a_file_that_is_not_an_exported_model_is_refused(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=words):
        load_exported(tmp_path / name)


@pytest.mark.parametrize("name", ["model.onnx", "model.xml"])
def test_damaged_files_are_refused(name: str, tmp_path: Path) -> None:
    if name.endswith("xml"):
        pytest.importorskip("openvino")
    (tmp_path / name).write_bytes(b"not a model")
    with pytest.raises(RunError, match=rf"{name}: cannot be loaded \(.+\); make it again with `fxkit export`"):
        load_exported(tmp_path / name)


def test_a_missing_openvino_is_reported_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    (tmp_path / "model.xml").touch()
    with pytest.raises(RunError, match=r"model\.xml: OpenVINO is not installed; pip install 'fxkit\[openvino\]'"):
        load_exported(tmp_path / "model.xml")


def with_card(exported: Path, card: str | None, out: Path) -> Path:
    """Copy an exported file with another card in its metadata, or with none."""
    model = onnx.load(exported)
    del model.metadata_props[:]
    if card is not None:
        onnx.helper.set_model_props(model, {KEY: card})
    onnx.save(model, out)
    return out


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (None, "no metadata under the key 'fxkit'"),
        ("{", "JSONDecodeError: .+"),
        ("[]", "Input should be a dictionary .+"),
        ('{"classes": ["a", "b"]}', "preprocessing: Field required"),
        ('{"classes": ["a", "a"]}', "classes: .+expected different names, none of them empty"),
    ],
)
def test_a_file_without_a_valid_card_is_refused(card: str | None, reason: str, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"its metadata hold no fxkit model card \({reason}\); expected a file that"):
        load_exported(with_card(exported, card, tmp_path / "other.onnx"))


class Planted:
    """Makes a folder when unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_unpickling_the_planted_object_makes_the_folder(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Planted(tmp_path / "harm")))  # noqa: S301  else the test below would prove nothing
    assert (tmp_path / "harm").is_dir()


def test_a_pickled_checkpoint_is_refused_without_unpickling(tmp_path: Path) -> None:
    torch.save(Planted(tmp_path / "harm"), tmp_path / "model.pt")
    with pytest.raises(
        RunError, match=r"model\.pt: TorchScript files \(\.pt\) are no longer supported; export the run again as ONNX"
    ):
        load_exported(tmp_path / "model.pt")
    assert not (tmp_path / "harm").exists()
