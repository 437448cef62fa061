"""Exported files: what they say of themselves, what is refused, and that they need no torch."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fxkit.data.manifest import usable
from fxkit.errors import RunError
from fxkit.models.export import export_model
from fxkit.models.exported import KEY, _onnx_options, card_from, card_text, load_exported, source_of
from fxkit.models.predict_images import predict_images
from fxkit.models.predict_records import TorchNetwork
from fxkit.models.run_folder import Run
from fxkit.models.saved import load_model

HEAVY = ("torch", "timm", "albumentations", "lightning", "sklearn", "scipy", "pydantic", "matplotlib", "openvino")


@pytest.fixture(scope="module")
def script(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_model(trained.folder, "torchscript", tmp_path_factory.mktemp("script") / "tiny.pt").path


def test_the_card_says_how_the_file_is_used(trained: Run, exported: Path) -> None:
    card = load_exported(exported).card
    own = load_model(trained.folder).card
    assert (card.classes, card.preprocessing, card.cleaning) == (own.classes, own.preprocessing, own.cleaning)
    assert (card.threshold, card.temperature, card.backbone) == (own.threshold, own.temperature, "test_resnet")
    assert card.source == source_of(trained.folder)
    assert card_from(card_text(card), exported) == card
    assert "bright bone" in json.loads(card_text(card))["rules"]["input"]


def test_any_number_of_films_gives_what_the_model_gives(trained: Run, exported: Path) -> None:
    paths = [trained.root / r.path for r in usable(trained.records, "test")]
    own = predict_images(TorchNetwork(load_model(trained.folder), torch.device("cpu")), paths)
    for count in (1, 3, len(paths)):
        found = predict_images(load_exported(exported), paths[:count])
        assert np.allclose([p.probabilities for p in found], [p.probabilities for p in own[:count]], atol=1e-5)
        assert [p.decision for p in found] == [p.decision for p in own[:count]]


@pytest.mark.parametrize(("given", "threads"), [("3", 3), ("", 0), ("4,2", 0)])  # 0: as many as there are cores
def test_onnx_takes_as_many_threads_as_torch_may(given: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert _onnx_options().intra_op_num_threads == threads


def test_a_model_that_was_changed_is_another_source(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "model.json").write_text("{}")
    before = source_of(tmp_path)
    (tmp_path / "model.json").write_text('{"threshold": 0.4}')
    assert len({before, source_of(tmp_path), source_of(trained.folder)}) == 3
    (tmp_path / "model.json").unlink()
    with pytest.raises(RunError, match=r"no finished model \(model\.json: No such file or directory\); make one with"):
        source_of(tmp_path)


def test_prediction_loads_nothing_heavy(trained: Run, exported: Path) -> None:
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
        ("model.h5", r"model\.h5: an exported model ends in \.onnx, \.xml, \.pt; make one with"),
        ("model.onnx", r"model\.onnx: no such file; make it with `fxkit export`"),
    ],
)
def test_what_is_no_exported_model_is_refused(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=words):
        load_exported(tmp_path / name)


@pytest.mark.parametrize("name", ["model.onnx", "model.xml", "model.pt"])
def test_damaged_files_are_refused(name: str, tmp_path: Path) -> None:
    if name.endswith("xml"):
        pytest.importorskip("openvino")
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(RunError, match=rf"{name}: cannot be loaded \(.+\); make it again with `fxkit export`"):
        load_exported(tmp_path / name)


def test_openvino_is_asked_for_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    (tmp_path / "model.xml").touch()
    with pytest.raises(RunError, match=r"model\.xml: OpenVINO is not installed; pip install 'fxkit\[openvino\]'"):
        load_exported(tmp_path / "model.xml")


def with_card(exported: Path, card: str | None, out: Path) -> Path:
    model = onnx.load(exported)
    del model.metadata_props[:]
    if card is not None:
        onnx.helper.set_model_props(model, {KEY: card})
    onnx.save(model, out)
    return out


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (None, "nothing under the key 'fxkit'"),
        ("{", "JSONDecodeError: .+"),
        ("[]", "TypeError: .+"),
        ('{"classes": ["a"]}', "KeyError: 'preprocessing'"),
    ],
)
def test_a_file_of_another_maker_is_refused(card: str | None, reason: str, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"its metadata are no model card of fxkit \({reason}\); make the file with"):
        load_exported(with_card(exported, card, tmp_path / "other.onnx"))


class Planted:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.place),)


def test_the_planted_pickle_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Planted(tmp_path / "harm")))  # noqa: S301  or the two tests below would show nothing
    assert (tmp_path / "harm").is_dir()


def test_a_checkpoint_that_is_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save(Planted(tmp_path / "harm"), tmp_path / "model.pt")
    with pytest.raises(RunError, match="its metadata are no model card of fxkit"):
        load_exported(tmp_path / "model.pt")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("part", ["data.pkl", "constants.pkl"])
def test_a_pickle_planted_in_torchscript_is_refused_and_not_run(part: str, script: Path, tmp_path: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(script) as old, zipfile.ZipFile(whole, "w") as new:
        for name in old.namelist():
            planted = name.endswith(f"/{part}")
            new.writestr(name, pickle.dumps(Planted(tmp_path / "harm"), 2) if planted else old.read(name))
    (tmp_path / "model.pt").write_bytes(whole.getvalue())
    with pytest.raises(RunError, match=r"model\.pt: cannot be loaded \(.*mkdir.*\); make it again"):
        load_exported(tmp_path / "model.pt")
    assert not (tmp_path / "harm").exists()
