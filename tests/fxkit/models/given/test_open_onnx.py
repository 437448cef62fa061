"""ONNX files of other programs: layouts, types, batches, metadata and outputs."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fxkit.models.given.film_input import FilmInput
from fxkit.models.given.network import FilmModel
from fxkit.models.given.open import open_model
from fxkit.models.given.options import GivenOptions
from fxkit.models.predict_images import predict_films, predict_images
from preprocess.images import write_image

from .conftest import MakeOnnx, films, softmax_of

TWO = GivenOptions(classes=("normal", "fractured"))

EXPECTED = [softmax_of(grey) for grey in (0, 102, 255)]


def film_input(model: Any) -> FilmInput:
    assert isinstance(model.network, FilmModel)
    assert model.network.film_input is not None
    return model.network.film_input


@pytest.mark.parametrize(
    ("shape", "dtype", "layout"),
    [
        (("N", 1, 8, 8), TensorProto.FLOAT, "NCHW"),
        (("N", 3, 8, 12), TensorProto.FLOAT, "NCHW"),
        (("N", 8, 8, 3), TensorProto.FLOAT, "NHWC"),
        (("N", 8, 8), TensorProto.FLOAT, "NHW"),
        ((1, 3, 8, 8), TensorProto.FLOAT, "NCHW"),
        ((2, 8, 8, 1), TensorProto.DOUBLE, "NHWC"),
        (("N", 1, 8, 8), TensorProto.FLOAT16, "NCHW"),
    ],
)
def test_layouts_types_and_fixed_batches_give_the_known_probabilities(
    make_onnx: MakeOnnx, shape: tuple[Any, ...], dtype: int, layout: str
) -> None:
    model = open_model(make_onnx(shape, dtype=dtype), TWO)
    assert film_input(model).layout == layout
    assert predict_films(model.network, films()) == pytest.approx(np.array(EXPECTED), abs=1e-3)


def test_a_uint8_input_gets_grey_values(make_onnx: MakeOnnx) -> None:
    model = open_model(make_onnx(dtype=TensorProto.UINT8, slope=4 / 255), TWO)
    got = predict_films(model.network, films())
    assert got[:, 1] == pytest.approx([1 / (1 + np.exp(-4 * (g - 0.5) / 255)) for g in (0, 102, 255)], abs=1e-6)
    assert film_input(model).guessed == ("resize",)


def test_range_mean_and_std_are_applied(make_onnx: MakeOnnx) -> None:
    options = GivenOptions(classes=("normal", "fractured"), value_range=(-1, 1), mean=(-1.0,), std=(2.0,))
    model = open_model(make_onnx(), options)
    assert predict_films(model.network, films()) == pytest.approx(np.array(EXPECTED), abs=1e-6)
    assert film_input(model).guessed == ("resize",)


def test_metadata_say_what_options_would(make_onnx: MakeOnnx) -> None:
    metadata = {
        "names": "{0: 'fractured', 1: 'normal'}",
        "imgsz": "[16, 24]",
        "mean": "[0.5]",
        "std": "0.5",
        "Image.NominalPixelRange": "Normalized_0_1",
        "resize": "crop=0.875",
    }
    model = open_model(make_onnx(("N", 3, "H", "W"), metadata=metadata))
    read = film_input(model)
    assert (read.height, read.width, read.mean, read.std) == (16, 24, (0.5,) * 3, (0.5,) * 3)
    assert (read.resize, read.crop_fraction, read.value_range, read.guessed) == ("crop", 0.875, (0, 1), ())
    assert model.classes == ("normal", "fractured")
    p = 1 / (1 + np.exp(-4 * ((1 - 0.5) / 0.5 - 0.5)))
    assert predict_films(model.network, films())[2] == pytest.approx([p, 1 - p], abs=1e-6)


@pytest.mark.parametrize("last", ["Softmax", "LogSoftmax", ""])
def test_the_last_operator_says_what_the_outputs_are(make_onnx: MakeOnnx, last: str) -> None:
    model = open_model(make_onnx(last=last), TWO)
    assert predict_films(model.network, films()) == pytest.approx(np.array(EXPECTED), abs=1e-6)


@pytest.mark.parametrize("last", ["Sigmoid", ""])
def test_a_single_output_is_that_of_the_second_class(make_onnx: MakeOnnx, last: str) -> None:
    path = make_onnx(last=last, n_outputs=1)
    model = open_model(path, TWO)
    assert predict_films(model.network, films()) == pytest.approx(np.array(EXPECTED), abs=1e-6)
    other = open_model(path, GivenOptions(classes=("fractured", "normal")))
    assert other.classes == ("normal", "fractured")
    assert predict_films(other.network, films())[:, ::-1] == pytest.approx(np.array(EXPECTED), abs=1e-6)


def test_a_single_output_without_names_is_that_of_the_positive_class_of_the_films(make_onnx: MakeOnnx) -> None:
    model = open_model(make_onnx(last="Sigmoid", n_outputs=1), GivenOptions(data_classes=("normal", "fractured")))
    assert predict_films(model.network, films()) == pytest.approx(np.array(EXPECTED), abs=1e-6)
    assert any("guessed: the output is that of fractured" in line for line in model.describe())


def test_many_classes_keep_their_order(make_onnx: MakeOnnx) -> None:
    model = open_model(make_onnx(n_outputs=3), GivenOptions(classes=("c", "a", "b")))
    assert model.classes == ("c", "a", "b")
    assert predict_films(model.network, films()).argmax(axis=1).tolist() == [0, 0, 2]


def test_guesses_are_listed_with_their_options(make_onnx: MakeOnnx) -> None:
    lines = open_model(make_onnx(), TWO).describe()
    assert "input: 8 x 8 pixels, 1 channel, stretched, NCHW float32" in lines
    assert any("guessed" in line and "--range, --mean, --std, --resize" in line for line in lines)
    assert "positive class: fractured" in lines


def test_files_are_predicted_as_films_are(make_onnx: MakeOnnx, tmp_path: Any) -> None:
    model = open_model(make_onnx(), TWO)
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for path, film in zip(paths, films(), strict=True):
        write_image(path, film)
    assert [p.probabilities for p in predict_images(model.network, paths)] == [
        tuple(row) for row in predict_films(model.network, films()).tolist()
    ]


def test_outputs_that_ignore_the_film_are_noted(make_onnx: MakeOnnx) -> None:
    assert any(
        line.startswith("WARNING: the outputs are the same")
        for line in open_model(make_onnx(slope=0.0), TWO).describe()
    )


def test_of_a_network_with_features_the_output_with_the_number_of_classes_is_used(make_onnx: MakeOnnx) -> None:
    path = make_onnx()
    model = onnx.load(str(path))
    model.graph.node.append(helper.make_node("Concat", ["scores", "scores", "scores"], ["features"], axis=1))
    model.graph.output.insert(0, helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 6]))
    onnx.save(model, str(path))
    assert predict_films(open_model(path, TWO).network, films()) == pytest.approx(np.array(EXPECTED), abs=1e-6)


def test_probabilities_that_are_used_as_logits_are_named(make_onnx: MakeOnnx) -> None:
    as_logits = GivenOptions(classes=("normal", "fractured"), scale="logit")
    warning = "WARNING: the outputs are used as logits, but lie from 0 to 1 and add up to 1 for every test picture"
    assert any(line.startswith(warning) for line in open_model(make_onnx(), as_logits).describe())
    assert not any("as logits" in line for line in open_model(make_onnx(), TWO).describe())
    assert not any("as logits" in line for line in open_model(make_onnx(last=""), as_logits).describe())
