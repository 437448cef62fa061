"""What only the graph of an ONNX file tells: the last operator before an output, and the files of its weights."""

import hashlib
from pathlib import Path
from typing import Any

from fxkit.models.given.options import Scale
from preprocess.files import sha256_of

PASSED = ("Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Concat")  # they change no value

LAST: dict[str, Scale] = {
    "Sigmoid": "probability",
    "Softmax": "probability",
    "LogSoftmax": "logit",  # its softmax is the probability
    "Gemm": "logit",
    "MatMul": "logit",
}


def output_function(path: Path, output: str) -> Scale | None:
    """Return what the last operator before an output makes of it; None if that does not say it."""
    graph = _read_graph(path)
    if graph is None:
        return None
    makers = {name: node for node in graph.node for name in node.output}
    for _ in range(len(graph.node)):
        node = makers.get(output)
        if node is None or node.op_type not in PASSED:
            return None if node is None else LAST.get(node.op_type)
        output = node.input[0]
    return None


def hash_onnx(path: Path) -> str:
    """Return the SHA-256 of an ONNX file; with weights in further files, of the hashes of all."""
    graph = _read_graph(path)
    names = (
        set()
        if graph is None
        else {entry.value for tensor in graph.initializer for entry in tensor.external_data if entry.key == "location"}
    )
    files = [path, *(path.parent / name for name in sorted(names))]
    if len(files) == 1:
        return sha256_of(path)
    return hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()


def _read_graph(path: Path) -> Any:
    """Return the graph without its external weights; None if the package onnx is not installed."""
    try:
        import onnx
    except ImportError:
        return None
    return onnx.load(str(path), load_external_data=False).graph
