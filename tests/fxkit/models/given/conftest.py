"""Small classifiers in plain PyTorch as ONNX files, whose outputs are known from the grey values of a film."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

MakeOnnx = Callable[..., Path]


def brightness_graph(
    shape: tuple[Any, ...] = ("N", 1, 8, 8),
    *,
    dtype: int = TensorProto.FLOAT,
    last: str = "Softmax",
    slope: float = 4.0,
    n_outputs: int = 2,
    out_shape: tuple[Any, ...] | None = None,
) -> onnx.ModelProto:
    """Return a network whose logit of output k is k * slope * (m - 0.5), where m is the mean of its input."""
    axes = list(range(1, len(shape)))
    slopes = np.arange(n_outputs, dtype=np.float32)[None] * slope
    nodes = [
        helper.make_node("Cast", ["film"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Sub", ["column", "half"], ["centred"]),
        helper.make_node("MatMul", ["centred", "slopes"], ["logits"]),
    ]
    if n_outputs == 1:
        slopes = np.full((1, 1), slope, np.float32)
    constants = {
        "axes": np.array(axes, np.int64),
        "one": np.array([1], np.int64),
        "half": np.array(0.5, np.float32),
        "slopes": slopes,
    }
    if last:
        nodes.append(helper.make_node(last, ["logits"], ["scores"], **({"axis": 1} if "max" in last else {})))
    output = "scores" if last else "logits"
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("film", dtype, list(shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, list(out_shape or (shape[0], n_outputs)))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.fixture
def make_onnx(tmp_path: Path) -> MakeOnnx:
    """Return a function that writes a brightness network with these metadata."""

    def make(*args: Any, name: str = "model.onnx", metadata: dict[str, str] | None = None, **kwargs: Any) -> Path:
        model = brightness_graph(*args, **kwargs)
        helper.set_model_props(model, metadata or {})
        path = tmp_path / name
        onnx.save(model, str(path))
        return path

    return make


def films() -> list[np.ndarray]:
    """Return films of several sizes, (H, W) uint8, each of one grey value."""
    return [np.full(size, grey, np.uint8) for size, grey in (((40, 30), 0), ((9, 8), 102), ((21, 64), 255))]


def softmax_of(grey: float, slope: float = 4.0) -> list[float]:
    """Return the probabilities of a film of one grey value."""
    p = 1 / (1 + np.exp(-slope * (grey / 255 - 0.5)))
    return [1 - p, p]
