"""Maps of any network in PyTorch: a network that adds up the left half of its input is explained by the left half."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fxkit.errors import ConfigError
from fxkit.explain.explain import ExplainOptions
from fxkit.explain.films import Film
from fxkit.explain.modules import explain_module, map_module
from preprocess.images import write_image

CLASSES = ("dark", "bright")


class LeftHalf(nn.Module):
    """One logit, or two: the brightness of the left half of the features."""

    def __init__(self, n_outputs: int = 1) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 1, 8, stride=8, bias=False), nn.ReLU())
        nn.init.constant_(self.features[0].weight, 1 / 64)
        self.n_outputs = n_outputs

    def forward(self, images: Tensor) -> Tensor:
        maps = self.features(images)
        logit = 8 * maps[:, :, :, : maps.shape[3] // 2].mean((1, 2, 3)).unsqueeze(1) - 2
        return logit if self.n_outputs == 1 else torch.cat([-logit / 2, logit / 2], 1)


def to_input(film: np.ndarray) -> Tensor:
    return nn.functional.interpolate(torch.from_numpy(film)[None, None].float() / 255, (64, 96))[0]


FILM = np.full((50, 70), 200, np.uint8)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_map_lies_where_the_network_looks(n_outputs: int) -> None:
    mapper = map_module(LeftHalf(n_outputs), "features.1", CLASSES, to_input, method="hirescam")
    shown = mapper.map(FILM)
    assert shown.probabilities[1] == pytest.approx(1 / (1 + np.exp(2 - 8 * 200 / 255)), abs=1e-3)
    assert (shown.index, mapper.cells, shown.heat.shape) == (1, (8, 12), (96, 96))
    assert shown.heat[:, :44].min() > 0.9
    assert shown.heat[:, 52:].max() < 0.1


def test_films_are_explained_and_written(tmp_path: Path) -> None:
    write_image(tmp_path / "film.png", FILM)
    mask = np.zeros(FILM.shape, bool)
    mask[5:15, 5:15] = True
    film = Film(tmp_path / "film.png", "film.png", mask=mask)
    options = ExplainOptions(method="hirescam")
    result = explain_module(
        LeftHalf(), "features.1", [film], tmp_path / "maps", classes=CLASSES, to_input=to_input, options=options
    )
    assert (tmp_path / "maps" / "sheet.png").is_file()
    assert result.summary.layer == "features.1"
    assert result.summary.shares[0].ratio == pytest.approx(2, abs=0.2)  # all attention lies on half of the film


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^layer 'layer4': the network has no such module; expected"):
        map_module(LeftHalf(), "layer4", CLASSES, to_input)
    with pytest.raises(ConfigError, match=r"^classes: 3 names for 1 outputs; expected a name for each$"):
        map_module(LeftHalf(), "features", ("a", "b", "c"), to_input)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64 * 96, 2))
    with pytest.raises(ConfigError, match=r"^layer '0': its output has the shape \(1, 6144\)"):
        map_module(flat, "0", CLASSES, to_input)
    options = ExplainOptions(sanity=True)
    with pytest.raises(ConfigError, match=r"^sanity: compares a run with its shuffled weights"):
        explain_module(LeftHalf(), "features", [], tmp_path, classes=CLASSES, to_input=to_input, options=options)
