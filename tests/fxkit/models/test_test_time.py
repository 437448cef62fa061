"""Test-time augmentation: the views, which of them a training allows, and that torch and the export agree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest

from fxkit.config import load_config
from fxkit.data.manifest import usable
from fxkit.data.preprocessing import Grey, Preprocessing
from fxkit.errors import ConfigError
from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_run
from fxkit.models.exported import load_exported
from fxkit.models.model_json import ModelCard
from fxkit.models.predict_images import Floats, predict_images
from fxkit.models.predict_records import TorchNetwork, choose_device
from fxkit.models.run_folder import Run, read_json
from fxkit.models.saved import load_model
from fxkit.models.test_time import AveragedNetwork, View, apply_view, describe_views, select_views, select_views_of_run

FILMS = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8)
ALL = load_config(None)


def test_flips_and_quarter_turns_only_move_pixels() -> None:
    assert np.array_equal(apply_view(FILMS, View()), FILMS)
    assert np.array_equal(apply_view(FILMS, View(mirrored=True)), FILMS[:, :, ::-1])
    assert np.array_equal(apply_view(FILMS, View(upside_down=True)), FILMS[:, ::-1])
    assert np.array_equal(apply_view(FILMS, View(turn_deg=90)), np.rot90(FILMS, axes=(1, 2)))
    assert np.array_equal(apply_view(FILMS, View(mirrored=True, upside_down=True, turn_deg=180)), FILMS)


def test_rotated_views_match_the_rotation_of_the_augmentation() -> None:
    film = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    augmented = A.Compose([A.Rotate((15, 15), p=1)], seed=0)(image=film)["image"]
    view = apply_view(film[None], View(turn_deg=15))[0]
    assert np.abs(augmented.astype(int) - view.astype(int)).mean() < 3  # the two round the centre differently


def test_each_kind_contains_the_views_of_the_augmentation() -> None:
    flips, turns, both = (select_views(ALL, kind) for kind in ("flips", "turns", "both"))
    assert set(flips) == {View(m, f) for m in (False, True) for f in (False, True)}
    assert turns == (View(), View(turn_deg=15), View(turn_deg=-15))
    assert set(both) == {View(v.mirrored, v.upside_down, t.turn_deg) for v in flips for t in turns}
    assert flips[0] == turns[0] == both[0] == View()
    upright = load_config(None, ["augment.vertical_flip=0", "augment.rotate_deg=90"])
    assert select_views(upright, "flips") == (View(), View(mirrored=True))
    assert select_views(upright, "turns")[1].turn_deg == 45
    assert describe_views(select_views(upright, "flips")) == "averaged over 2 views of each film: as it is, mirrored"
    assert View(True, True, -15).name == "mirrored and upside down and turned by -15 degrees"


@pytest.mark.parametrize(
    ("kind", "settings", "views"),
    [
        ("flips", ["augment.horizontal_flip=0", "augment.vertical_flip=0"], "mirrored"),
        ("turns", ["augment.rotate_deg=0"], "rotated"),
        ("turns", ["augment.rotate_probability=0"], "rotated"),
        ("both", ["augment.rotate_deg=0"], "rotated"),
        ("both", ["augment.enabled=false"], "mirrored"),
        ("flips", ["optim.head=probe", "model.hidden=0", "optim.epochs=[1, 0]"], "mirrored"),
    ],
)
def test_views_that_training_did_not_use_are_refused(kind: str, settings: list[str], views: str) -> None:
    expected = (
        rf"^--tta {kind}: this model was not trained on {views} films, .*; leave out --tta, or train with augment\."
    )
    with pytest.raises(ConfigError, match=expected):
        select_views(load_config(None, settings), kind)


@pytest.mark.parametrize("epochs", ["[2, 0]", "[1, 1]"])
def test_a_probe_trained_on_augmented_films_may_average_views(epochs: str) -> None:
    config = load_config("probe", [f"optim.epochs={epochs}"])
    assert len(select_views(config, "flips")) == 4


def test_an_exported_file_without_its_run_is_refused(exported: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^--tta flips: {exported} does not say which views .* give the run folder"):
        select_views_of_run(exported, "flips")


@dataclass(frozen=True)
class Brightness:
    """A network that predicts the mean brightness of a film's upper left quarter."""

    card: ModelCard

    def probabilities(self, films: Grey) -> Floats:
        brightness = films[:, : films.shape[1] // 2, : films.shape[2] // 2].mean((1, 2)) / 255
        return np.stack([1 - brightness, brightness], axis=1)


def test_probabilities_are_the_mean_over_views() -> None:
    card = ModelCard(("no", "yes"), ALL.model, Preprocessing(8, "stretch", (0.5,) * 3, (0.5,) * 3), None)
    network = AveragedNetwork(Brightness(card), select_views(ALL, "flips"))
    assert network.card is card
    brightness = FILMS.mean((1, 2)) / 255
    assert np.allclose(network.probabilities(FILMS), np.stack([1 - brightness, brightness], axis=1))


def test_torch_and_the_export_evaluate_views_alike(trained: Run, exported: Path, run_folder: Path) -> None:

    def brier(**options: Any) -> float:
        evaluation = evaluate_run(run_folder, options=EvaluationOptions(device="cpu", **options)).evaluation
        return evaluation.film.figures["brier"].value

    plain = brier()
    assert "views" not in read_json(run_folder / "metrics.json")
    averaged = brier(tta="both")
    views = select_views(trained.config, "both")
    assert read_json(run_folder / "metrics.json")["views"] == [view.name for view in views]
    assert averaged != plain
    by_export = brier(tta="both", exported=exported)
    assert by_export == pytest.approx(averaged, abs=1e-4)


def test_torch_and_the_export_predict_views_of_single_files_alike(trained: Run, exported: Path) -> None:
    files = [trained.root / r.path for r in usable(trained.records, "test")]
    networks = (TorchNetwork(load_model(trained.folder), choose_device("cpu")), load_exported(exported))
    views = select_views_of_run(trained.folder, "turns")
    by_torch, by_export = (predict_images(AveragedNetwork(network, views), files) for network in networks)
    for one, other in zip(by_torch, by_export, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
