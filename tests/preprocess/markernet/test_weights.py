from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch

from preprocess.detectors.markernet import CHANNELS_BEFORE
from preprocess.errors import DetectorError
from preprocess.markernet.network import MarkerNet
from preprocess.markernet.weights import NEVER, load_network, save_network
from preprocess.settings import NETWORK

SHAPES = ((32, 32), (96, 160))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MarkerNet]:
    """Return a network as after training: channels-last memory, and trained batch-norm statistics."""
    torch.manual_seed(3)
    network = MarkerNet().to(memory_format=torch.channels_last).train()
    for _ in range(3):
        network(torch.rand(2, 1, 64, 64) * 255)
    file = tmp_path_factory.mktemp("weights") / "new" / "site.onnx"
    save_network(network, file)
    return file, network


def difference(file: Path, network: MarkerNet, shape: tuple[int, int]) -> float:
    """Return the largest difference between the logits of an ONNX file and of a network."""
    film = np.random.default_rng(0).integers(0, 256, (1, 1, *shape)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(file))
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(film)).numpy()
    logits = session.run(["said"], {"film": film})[0]
    return float(np.abs(logits - expected[:, : logits.shape[1]]).max())  # files of fxkit 0.1 have one output less


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_both_files_give_the_same_logits_for_films_of_any_size(
    saved: tuple[Path, MarkerNet], shape: tuple[int, int]
) -> None:
    file, network = saved
    assert difference(file, network, shape) < 1e-3
    assert difference(file, load_network(file.with_suffix(".safetensors")), shape) < 1e-3


def test_the_files_are_small_and_complete(saved: tuple[Path, MarkerNet]) -> None:
    file, _ = saved
    assert sorted(part.name for part in file.parent.iterdir()) == ["site.onnx", "site.safetensors"]
    assert file.stat().st_size < 4e6


def test_no_file_contains_the_path_of_the_code(saved: tuple[Path, MarkerNet]) -> None:
    for file in (saved[0], NETWORK):
        assert b"network.py" not in file.read_bytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_two_files_of_the_package_agree(shape: tuple[int, int]) -> None:
    assert difference(NETWORK, load_network(NETWORK.with_suffix(".safetensors")), shape) < 1e-2
    assert NETWORK.stat().st_size < 4e6


def test_files_without_weights_of_the_network_are_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file({"head.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"x")
    for name in ("other", "damaged", "none"):
        with pytest.raises(
            DetectorError,
            match=rf"{name}\.safetensors: does not hold weights of the marker network \(.+\); give the \.safetensors",
        ):
            load_network(tmp_path / f"{name}.safetensors")


def test_a_network_without_annotations_gets_an_output_for_them(saved: tuple[Path, MarkerNet], tmp_path: Path) -> None:
    """Networks of fxkit 0.1 have 9 outputs; the others stay as they are."""
    weights = {name: value.clone() for name, value in saved[1].state_dict().items()}
    weights |= {name: weights[name][:CHANNELS_BEFORE].contiguous() for name in ("head.weight", "head.bias")}
    safetensors.torch.save_file(weights, tmp_path / "old.safetensors")
    film = torch.rand(1, 1, 32, 64) * 255
    with torch.inference_mode():
        before, after = (net.eval()(film) for net in (saved[1], load_network(tmp_path / "old.safetensors")))
    assert torch.allclose(after[:, :CHANNELS_BEFORE], before[:, :CHANNELS_BEFORE], atol=1e-5)
    assert torch.allclose(after[:, CHANNELS_BEFORE], torch.tensor(NEVER))
