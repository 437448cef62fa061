from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from preprocess.detectors.markernet import CHANNELS
from preprocess.detectors.regions import STYLE_CHANNELS
from preprocess.errors import ImageError
from preprocess.markernet.marker_parts import UNKNOWN, Area
from preprocess.markernet.network import MarkerNet
from preprocess.markernet.scene import Film, Place, make_scene
from preprocess.markernet.training import (
    TrainingPictures,
    TrainingPlan,
    compute_loss,
    find_false_positives,
    train,
    update_batch_norm,
)

from ..conftest import film

FILMS = [Film(film(seed, (160, 120))) for seed in range(3)]
MARKED = Film(film(3), (Area(np.array([(50.0, 10), (80, 10), (80, 25), (50, 25)]), "lead"),))
MARKED.picture[10:25, 50:80] = 245
PLAN = TrainingPlan(rounds=1, steps=15, batch=4, side_px=64, workers=0, threads=1)
SHORT = replace(PLAN, rounds=2, steps=2, batch=2)


def truths(count: int = 6) -> torch.Tensor:
    """Return ground truths, several with text, icons and plates."""
    return torch.from_numpy(np.stack([make_scene(np.random.default_rng(s), FILMS, 128)[1] for s in range(count)]))


def perfect(truth: torch.Tensor) -> torch.Tensor:
    """Return logits that predict the ground truth with high confidence."""
    logits = torch.zeros(len(truth), CHANNELS, *truth.shape[2:])
    logits[:, 0], logits[:, 5] = (30.0 * (truth[:, layer] > 0) - 15 for layer in (0, 2))
    for style, channel in enumerate(STYLE_CHANNELS):
        logits[:, channel] = 15.0 * (truth[:, 1] == style)
    logits[:, 6:8] = truth[:, 3:5] / 100
    logits[:, 8] = 30.0 * (truth[:, 5] > 0) - 15
    return logits


def weights_of(network: MarkerNet) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


def test_correct_predictions_have_no_loss() -> None:
    truth = truths()
    assert float(compute_loss(perfect(truth), truth)) < 0.01


@pytest.mark.parametrize("channel", range(CHANNELS))
def test_every_channel_contributes_to_the_loss(channel: int) -> None:
    truth = truths(20)
    wrong = perfect(truth)
    wrong[:, channel] = 5 - wrong[:, channel]
    assert float(compute_loss(wrong, truth)) > float(compute_loss(perfect(truth), truth)) + 0.01


def test_unknown_styles_do_not_contribute_to_the_loss() -> None:
    _, truth = make_scene(np.random.default_rng(0), [replace_style(MARKED, "")], 128, Place(0, 65, 17))
    known = torch.from_numpy(truth)[None]
    logits = perfect(known)
    assert (known[:, 0] > 0).any()
    expected = float(compute_loss(logits, known))
    logits[:, STYLE_CHANNELS] = torch.randn(logits[:, STYLE_CHANNELS].shape)
    assert float(compute_loss(logits, known)) == pytest.approx(expected)


def test_unknown_places_do_not_contribute_to_the_loss() -> None:
    truth = truths(20)
    truth[:, :, :20] = torch.tensor([-1, -1, 0, 0, 0, -1], dtype=torch.int8)[None, :, None, None]
    logits = perfect(truth)
    expected = float(compute_loss(logits, truth))
    logits[:, :, :20] = torch.randn(logits[:, :, :20].shape) * 9
    assert float(compute_loss(logits, truth)) == pytest.approx(expected)


def replace_style(marked: Film, style: str) -> Film:
    return replace(marked, areas=tuple(replace(area, style=style) for area in marked.areas))


def test_pictures_without_markers_have_a_loss() -> None:
    truth = torch.zeros(2, 6, 32, 32, dtype=torch.int8)
    truth[:, [1, 5]] = -1
    quiet, loud = (torch.full((2, CHANNELS, 32, 32), value) for value in (-15.0, 15.0))
    assert float(compute_loss(quiet, truth)) < 0.01 < 1 < float(compute_loss(loud, truth))


def test_each_picture_of_a_round_is_different_and_reproducible() -> None:
    pictures = TrainingPictures(FILMS, PLAN, 0)
    assert len(pictures) == 60
    picture, truth = pictures[7]
    assert (picture.shape, picture.dtype) == ((1, 64, 64), torch.uint8)
    assert (truth.shape, truth.dtype) == ((6, 32, 32), torch.int8)
    assert torch.equal(picture, TrainingPictures(FILMS, PLAN, 0)[7][0])
    others = (
        pictures[8][0],
        TrainingPictures(FILMS, PLAN, 1)[7][0],
        TrainingPictures(FILMS, replace(PLAN, seed=1), 0)[7][0],
    )
    assert not any(torch.equal(picture, other) for other in others)


def test_nothing_is_added_to_pictures_of_given_places() -> None:
    pictures = TrainingPictures(FILMS, replace(PLAN, place_share=1.0), 0, [Place(1, 60, 80)])
    assert not any(pictures[number][1][0].any() for number in range(10))


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    plan, places = replace(PLAN, place_share=1.0), [Place(0, 65, 17)]
    samples = [TrainingPictures([MARKED], replace(plan, seed=9), 0, places)[number] for number in range(8)]
    pictures, truth = (torch.stack(part) for part in zip(*samples, strict=True))
    new, trained = MarkerNet().eval(), train([MARKED], plan, tmp_path, places=places)
    with torch.inference_mode():
        before, after = (float(compute_loss(network(pictures.float()), truth)) for network in (new, trained))
    assert after < 0.85 * before


def test_batch_norm_statistics_are_updated_for_the_current_weights() -> None:
    network, plan = MarkerNet().eval(), replace(PLAN, steps=4, batch=6)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(layer.running_mean, 50.0)  # of other weights
    update_batch_norm(network, FILMS, plan)
    pictures = torch.stack(
        [TrainingPictures(FILMS, replace(plan, seed=5), 0)[number][0] for number in range(24)]
    ).float()
    with torch.inference_mode():
        updated = network(pictures)
        expected = network.train()(pictures)  # uses the statistics of these pictures
    assert float((updated - expected).abs().mean()) < 0.3 * float(expected.std())


class FailingFilms(Sequence[Film]):
    """Films on a disk that fails after a number of reads."""

    def __init__(self, films: list[Film], reads: int) -> None:
        self.films, self.reads = films, reads

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, index: int) -> Film:  # type: ignore[override]
        self.reads -= 1
        if self.reads < 0:
            raise OSError("disk failed")
        return self.films[index]


@pytest.mark.slow
def test_a_run_is_reproducible_and_a_stopped_run_continues(tmp_path: Path) -> None:
    whole = weights_of(train(FILMS, SHORT, tmp_path / "whole"))
    assert torch.equal(whole, weights_of(train(FILMS, SHORT, tmp_path / "again")))
    with pytest.raises(OSError, match="disk failed"):
        train(FailingFilms(FILMS, SHORT.steps * SHORT.batch), SHORT, tmp_path / "stopped")
    assert (tmp_path / "stopped" / "checkpoints" / "last.ckpt").is_file()
    assert torch.allclose(whole, weights_of(train(FILMS, SHORT, tmp_path / "stopped")), atol=1e-5)
    assert torch.equal(whole, weights_of(train(FILMS, SHORT, tmp_path / "whole")))  # a finished run
    other = train(FILMS, replace(SHORT, seed=1), tmp_path / "other")
    assert not torch.allclose(whole, weights_of(other), atol=1e-3)


def test_average_returns_the_mean_of_the_weights_before_and_after(tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = MarkerNet()
    trained = train(FILMS, SHORT, tmp_path / "trained", deepcopy(start))
    mean = train(FILMS, SHORT, tmp_path / "mean", deepcopy(start), average=True)
    for before, after, averaged in zip(start.parameters(), trained.parameters(), mean.parameters(), strict=True):
        assert torch.allclose(averaged, (before + after) / 2, atol=1e-6)
    assert not torch.equal(start.head.weight, trained.head.weight)


def always(bias: float) -> MarkerNet:
    """Return a network that predicts the same marker logit everywhere."""
    network = MarkerNet()
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.constant_(network.head.bias, bias)
    return network.train()


def test_films_are_searched_for_false_positives_beside_their_markers() -> None:
    network = always(8.0)
    covered = replace(MARKED, areas=(Area(np.array([(-50.0, -50), (250, -50), (250, 250), (-50, 250)]), UNKNOWN),))
    places = find_false_positives(network, [FILMS[0], covered, FILMS[1], MARKED])
    assert [place.film for place in places] == [0, 2, 3]
    for place in places[:2]:  # the centre of the whole padded film
        assert (place.x, place.y) == pytest.approx((64, 80), abs=2)
    assert places[2].y > MARKED.picture.shape[0] / 2 + 4  # the marker at the top is left out
    assert network.training


def test_a_network_that_predicts_no_marker_has_no_false_positives() -> None:
    assert find_false_positives(always(-8.0), FILMS) == []


def test_training_without_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no film to train on: none could be read; give images such as"):
        train([], PLAN, tmp_path)
