"""Keep the network's weights as safetensors, from which training goes on, and as ONNX, which detection runs."""

import warnings
from pathlib import Path

import safetensors.torch
import torch

from preprocess.errors import DetectorError
from preprocess.markernet.network import MarkerNet

LARGEST = 64  # sides of the film in an exported network's promises, in units of 32 px: 2,048 px


def load_network(file: str | Path) -> MarkerNet:
    """Load a network for training or tuning.

    Raises:
        DetectorError: the file cannot be read, or holds no weights of this network.
    """
    network = MarkerNet()
    try:
        network.load_state_dict(safetensors.torch.load_file(file))
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DetectorError(
            f"{file}: not the marker network's weights ({reason}); expected its .safetensors"
        ) from error
    return network


def save_network(network: MarkerNet, file: str | Path) -> None:
    """Write the weights as FILE, which must end in .onnx, and beside it as .safetensors."""
    onnx = Path(file)
    onnx.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(network.state_dict(), onnx.with_suffix(".safetensors"))
    sides = {2: 32 * torch.export.Dim("h", min=1, max=LARGEST), 3: 32 * torch.export.Dim("w", min=1, max=LARGEST)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 1, 96, 64),),
            dynamo=True,
            input_names=["film"],
            output_names=["said"],
            dynamic_shapes=(sides,),
            verbose=False,
        )
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # where in whose folders the code lies
    program.save(str(onnx), external_data=False)
