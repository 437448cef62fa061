"""Save and load the weights of the marker network: safetensors for further training, ONNX for detection."""

import warnings
from pathlib import Path

import safetensors.torch
import torch

from preprocess.detectors.markernet import CHANNELS_BEFORE
from preprocess.errors import DetectorError
from preprocess.markernet.network import MarkerNet

NEVER = -4.0  # logit of a style that is never chosen

MAX_SIDE = 64  # largest side of a film that the exported network accepts, in units of 32 px: 2,048 px


def load_network(file: str | Path) -> MarkerNet:
    """Load a network to train or tune it.

    Raises:
        DetectorError: the file cannot be read, or does not hold weights of this network.
    """
    network = MarkerNet()
    try:
        network.load_state_dict(_with_annotations(safetensors.torch.load_file(file)))
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DetectorError(
            f"{file}: does not hold weights of the marker network ({reason}); give the .safetensors file "
            "next to its .onnx file"
        ) from error
    return network


def _with_annotations(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights of a network of fxkit 0.1 with an output for annotations, which it never chooses."""
    weight, bias = weights.get("head.weight"), weights.get("head.bias")
    if weight is None or bias is None or len(bias) != CHANNELS_BEFORE:
        return weights
    weights["head.weight"] = torch.cat([weight, torch.zeros_like(weight[:1])])
    weights["head.bias"] = torch.cat([bias, bias.new_tensor([NEVER])])
    return weights


def save_network(network: MarkerNet, file: str | Path) -> None:
    """Write the weights to an .onnx file, and to a .safetensors file with the same stem next to it."""
    onnx = Path(file)
    onnx.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(network.state_dict(), onnx.with_suffix(".safetensors"))
    sides = {2: 32 * torch.export.Dim("h", min=1, max=MAX_SIDE), 3: 32 * torch.export.Dim("w", min=1, max=MAX_SIDE)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 1, 96, 64),),
            dynamo=True,
            input_names=["film"],
            output_names=["said"],  # the name in networks that users already have
            dynamic_shapes=(sides,),
            verbose=False,
        )
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # they contain paths of this machine
    program.save(str(onnx), external_data=False)
