"""Files and functions that are no classifier of films: each gets one line that says what is wrong and what to do."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from safetensors.numpy import save_file

from fxkit.models.given.open import open_function, open_model
from fxkit.models.given.options import GivenOptions
from preprocess.errors import KnownError, one_line

from .conftest import brightness_graph

TWO = GivenOptions(classes=("normal", "fractured"))

Write = Callable[[Path], object]


def save(*args: object, **kwargs: object) -> Write:
    """Return a function that writes a brightness network."""
    return lambda path: onnx.save(brightness_graph(*args, **kwargs), str(path))  # type: ignore[arg-type]


def save_edited(edit: Callable[[onnx.ModelProto], object], **kwargs: object) -> Write:
    """Return a function that changes a brightness network and writes it."""

    def write(path: Path) -> None:
        model = brightness_graph(**kwargs)  # type: ignore[arg-type]
        edit(model)
        onnx.save(model, str(path))

    return write


def two_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("age", TensorProto.FLOAT, ["N", 1]))
    model.graph.node.append(helper.make_node("Identity", ["age"], ["unused"]))


def custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node[-1].op_type, model.graph.node[-1].domain = "DeformableAttention", "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def as_segmentation(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["film"], ["mask"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N", 1, 8, 8]))


def two_outputs(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["scores"], ["features"]))
    model.graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 2]))


def label_only(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]))


def not_a_number(model: onnx.ModelProto) -> None:
    slopes = next(tensor for tensor in model.graph.initializer if tensor.name == "slopes")
    slopes.CopyFrom(numpy_helper.from_array(np.full((1, 2), np.nan, np.float32), "slopes"))


def without_external_data(path: Path) -> None:
    model = brightness_graph()
    external_data_helper.convert_model_to_external_data(model, location="weights.data", size_threshold=0)
    onnx.save(model, str(path))
    (path.parent / "weights.data").unlink()


def truncated(path: Path) -> None:
    onnx.save(brightness_graph(), str(path))
    path.write_bytes(path.read_bytes()[:200])


def keras_file(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"")


def metadata(**values: str) -> Callable[[onnx.ModelProto], object]:
    return lambda model: helper.set_model_props(model, values)


FILES: dict[str, tuple[str, Write, GivenOptions, str]] = {
    "missing": ("m.onnx", lambda path: None, TWO, "cannot be read (No such file or directory)"),
    "empty": ("m.onnx", lambda path: path.touch(), TWO, "is empty; expected an ONNX file"),
    "truncated": ("m.onnx", truncated, TWO, "it is damaged, cut off, or no ONNX file; copy or export it again"),
    "web page": ("m.onnx", lambda path: path.write_text("<html>404</html>"), TWO, "is a text file"),
    "LFS pointer": ("m.onnx", lambda path: path.write_text("version https://git-lfs.github.com/spec/v1"), TWO, "LFS"),
    "pickle": (
        "m.onnx",
        lambda path: path.write_bytes(pickle.dumps({"a": 1})),
        TWO,
        "is a pickle, which is not",
    ),
    "PyTorch": ("m.pt", lambda path: torch.save({"a": torch.zeros(2)}, path), TWO, "is a file of PyTorch"),
    "joblib": ("m.joblib", lambda path: joblib.dump([1], path), TWO, "with --predictor MODULE:FUNCTION"),
    "HDF5": ("m.h5", lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50)), TWO, "is an HDF5 file (Keras)"),
    "Keras": ("m.keras", keras_file, TWO, "is a file of Keras, which is not opened"),
    "safetensors": (
        "m.safetensors",
        lambda path: save_file({"a": np.zeros(2)}, path),
        TWO,
        "is a file of weights without the network",
    ),
    "external data missing": (
        "m.onnx",
        without_external_data,
        TWO,
        "its weights are in a second file, which is missing",
    ),
    "custom operators": ("m.onnx", save_edited(custom_operator), TWO, "uses operators that ONNX Runtime does not have"),
    "two inputs": ("m.onnx", save_edited(two_inputs), TWO, "has 2 inputs (film, age); expected one, the film"),
    "table input": ("m.onnx", save(("N", 30)), TWO, "its input has the shape (N, 30); expected images"),
    "table input, and what to do": ("m.onnx", save(("N", 30)), TWO, "for a model on features of a film, predict in a"),
    "two outputs": ("m.onnx", save_edited(two_outputs), TWO, "with the scores as its only output, or predict in a"),
    "four channels": ("m.onnx", save(("N", 4, 8, 8)), TWO, "has the shape (N, 4, 8, 8); expected 1 or 3 channels"),
    "unknown channels": ("m.onnx", save(("N", "C", 8, 8)), TWO, "leaves the channels open; give --channels 1"),
    "text input": (
        "m.onnx",
        save(dtype=TensorProto.INT64),
        TWO,
        "its input 'film' is a tensor(int64); expected",
    ),
    "any size": ("m.onnx", save(("N", 1, "H", "W")), TWO, "takes images of any size ((N, 1, H, W)); give --input-size"),
    "another size": (
        "m.onnx",
        save(),
        GivenOptions(classes=("a", "b"), input_size=(16, 16)),
        "takes images of 8 x 8 pixels; --input-size says 16 x 16; leave it out",
    ),
    "other channels": (
        "m.onnx",
        save(),
        GivenOptions(classes=("a", "b"), channels=3),
        "takes 1 channel; --channels says 3",
    ),
    "normalised uint8": (
        "m.onnx",
        save(dtype=TensorProto.UINT8, slope=0.1),
        GivenOptions(classes=("a", "b"), mean=(0.5,)),
        "takes grey values of 0 to 255 (uint8), so it normalises films itself; leave out --range",
    ),
    "three means for one channel": (
        "m.onnx",
        save(),
        GivenOptions(classes=("a", "b"), mean=(0.4, 0.5, 0.6)),
        "--mean: 3 numbers for 1 channel; expected one number",
    ),
    "segmentation": (
        "m.onnx",
        save_edited(as_segmentation),
        TWO,
        "returned an array of shape (4, 1, 8, 8)",
    ),
    "labels only": ("m.onnx", save_edited(label_only), TWO, "expected one output of shape (N, C), the scores of the"),
    "no names": ("m.onnx", save(), GivenOptions(), "has 2 outputs and does not name their classes; give --classes"),
    "another number of names": (
        "m.onnx",
        save(n_outputs=3),
        TWO,
        "has 3 outputs, but there are 2 classes (normal, fractured)",
    ),
    "one output without names": ("m.onnx", save(n_outputs=1), GivenOptions(), "has one output, but no class is named"),
    "unknown positive class": (
        "m.onnx",
        save(),
        GivenOptions(classes=("a", "b"), positive="c"),
        "positive class 'c': not one of the classes (a, b)",
    ),
    "independent findings": ("m.onnx", save(last="Sigmoid"), TWO, "expected probabilities that add up to 1"),
    "not a number": ("m.onnx", save_edited(not_a_number), TWO, "not finite for 4 of 4 films; expected numbers"),
    "logits or probabilities": (
        "m.onnx",
        save(last="HardSigmoid", n_outputs=1),
        TWO,
        "give --scale probability or --scale logit",
    ),
    "logits said to be probabilities": (
        "m.onnx",
        save(last=""),
        GivenOptions(classes=("a", "b"), scale="probability"),
        "returned values from -2 to 2; expected probabilities from 0 to 1; give --scale logit",
    ),
    "unreadable metadata": (
        "m.onnx",
        save_edited(metadata(mean="about a half")),
        TWO,
        "its metadata say mean = 'about a half', which cannot be used; give --mean",
    ),
    "a class twice in metadata": (
        "m.onnx",
        save_edited(metadata(names="['a', 'a']")),
        GivenOptions(),
        "its metadata say names = \"['a', 'a']\", which cannot be used; give --classes",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_wrong_file_gets_one_line(tmp_path: Path, kind: str) -> None:
    name, write, options, expected = FILES[kind]
    write(tmp_path / name)
    with pytest.raises(KnownError) as raised:
        open_model(tmp_path / name, options)
    text = str(raised.value)
    assert expected in text
    assert text == one_line(text)


def two_channels_only(model: onnx.ModelProto) -> None:
    """Let the network fail on films of any channels but two, which only shows when it runs."""
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 2, 8, 8), np.float32), "two"))
    model.graph.node.insert(0, helper.make_node("Add", ["film", "two"], ["sum"]))
    model.graph.node[1].input[0] = "sum"


def test_a_network_that_fails_leaves_no_log_of_onnx_runtime(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save_edited(two_channels_only, shape=("N", "C", 8, 8))(tmp_path / "m.onnx")
    with pytest.raises(KnownError, match="check --input-size and --channels"):
        open_model(tmp_path / "m.onnx", GivenOptions(classes=("a", "b"), channels=3))
    assert capfd.readouterr() == ("", "")


SOURCES = {
    "good.py": "import numpy as np\n\ndef predict(films):\n    return np.full((len(films), 2), 0.5)\n\nNUMBER = 3\n",
    "broken.py": "def predict(films:\n",
    "hungry.py": "import a_package_that_nobody_has\n",
    "shapes.py": (
        "import numpy as np\n\n"
        "def raises(films):\n    raise ValueError('no GPU')\n\n"
        "def ends(films):\n    raise SystemExit(3)\n\n"
        "def short(films):\n    return np.full((1, 2), 0.5)\n\n"
        "def logits(films):\n    return np.full((len(films), 2), [-3.0, 3.0])\n\n"
        "def words(films):\n    return ['normal'] * len(films)\n\n"
        "def nothing(films):\n    return None\n\n"
        "def cube(films):\n    return np.zeros((len(films), 2, 2))\n\n"
        "def percent(films):\n    return np.full((len(films), 2), 50.0)\n\n"
        "def independent(films):\n    return np.full((len(films), 2), 0.9)\n"
    ),
}

FUNCTIONS = {
    "good": "--predictor 'good': expected MODULE:FUNCTION, such as mymodel:predict",
    "good.py:predict": "there is no module 'good.py'",
    "absent:predict": "--predictor absent:predict: there is no module 'absent'",
    "good:absent": "--predictor good:absent: good has no function 'absent'",
    "good:NUMBER": "--predictor good:NUMBER: NUMBER is of type int; expected a function",
    "broken:predict": "--predictor broken:predict: cannot be imported (SyntaxError",
    "hungry:predict": "needs the package 'a_package_that_nobody_has', which is not installed",
    "shapes:raises": "shapes:raises: fails on 4 films (ValueError: no GPU, shapes.py line 4); expected a function",
    "shapes:ends": "shapes:ends: fails on 4 films (SystemExit: 3, shapes.py line 7)",
    "shapes:short": "shapes:short: returned 1 row for 4 films; expected one row for each film",
    "shapes:logits": "returned values from -3 to 3; expected probabilities from 0 to 1; give --scale logit",
    "shapes:words": "shapes:words: returned list, no array of numbers; expected (N, C)",
    "shapes:nothing": "shapes:nothing: returned NoneType, no array of numbers",
    "shapes:cube": "returned an array of shape (4, 2, 2); expected (N, C), one value for each class",
    "shapes:percent": "give --scale logit if they are logits, or divide percentages by 100",
    "shapes:independent": "add up to 1.8 to 1.8; expected probabilities that add up to 1",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_function_gets_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for file, source in SOURCES.items():
        (tmp_path / file).write_text(source)
    monkeypatch.chdir(tmp_path)
    for module in ("good", "broken", "hungry", "shapes"):
        monkeypatch.delitem(__import__("sys").modules, module, raising=False)
    with pytest.raises(KnownError) as raised:
        open_function(name, TWO)
    assert FUNCTIONS[name] in str(raised.value)
    assert str(raised.value) == one_line(raised.value)
