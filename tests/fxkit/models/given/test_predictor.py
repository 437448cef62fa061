"""Python functions as models: what they get, what they may return, and which module runs."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fxkit.errors import ConfigError
from fxkit.models.given.open import open_function
from fxkit.models.given.options import GivenOptions
from fxkit.models.predict_images import predict_films
from preprocess.files import sha256_of

from .conftest import films

TWO = GivenOptions(classes=("normal", "fractured"))


def brightness(given: list[np.ndarray]) -> np.ndarray:
    """Return p(second) = the film's mean grey value, as (N,)."""
    return np.array([film.mean() / 255 for film in given])


def test_whole_films_reach_the_function_in_batches() -> None:
    sizes: list[list[tuple[int, ...]]] = []

    def watch(given: list[np.ndarray]) -> np.ndarray:
        sizes.append([film.shape for film in given])
        return brightness(given)

    model = open_function(watch, TWO)
    many = films() * 10
    assert predict_films(model.network, many)[:, 1].tolist() == [0, 0.4, 1] * 10
    assert [size for batch in sizes[2:] for size in batch] == [film.shape for film in many]
    assert max(map(len, sizes)) == 16


@pytest.mark.parametrize("shape", ["(N,)", "(N, 1)", "(N, 2)", "tensor", "list"])
def test_a_function_may_return_any_array_of_probabilities(shape: str) -> None:
    def predict(given: list[np.ndarray]) -> object:
        p = brightness(given)
        both = np.stack([1 - p, p], axis=1)
        return {
            "(N,)": p,
            "(N, 1)": p[:, None],
            "(N, 2)": both,
            "tensor": torch.tensor(both, requires_grad=True),
            "list": both.tolist(),
        }[shape]

    model = open_function(predict, TWO)
    assert predict_films(model.network, films())[:, 1] == pytest.approx([0, 0.4, 1])


def test_a_function_names_its_classes() -> None:
    def predict(given: list[np.ndarray]) -> np.ndarray:
        return np.stack([brightness(given), 1 - brightness(given)], axis=1)

    predict.classes = ["fractured", "normal"]  # type: ignore[attr-defined]
    model = open_function(predict)
    assert model.classes == ("normal", "fractured")
    assert predict_films(model.network, films())[:, 1] == pytest.approx([0, 0.4, 1])


def test_logits_of_a_function_are_turned_into_probabilities() -> None:
    def predict(given: list[np.ndarray]) -> np.ndarray:
        return np.log(np.clip([[1 - p, p] for p in brightness(given)], 1e-9, 1))

    options = GivenOptions(classes=("normal", "fractured"), scale="logit")
    model = open_function(predict, options)
    assert predict_films(model.network, films())[:, 1] == pytest.approx([0, 0.4, 1], abs=1e-6)


def test_the_module_comes_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "given_module_of_a_test.py"
    file.write_text("import numpy as np\n\n\ndef predict(films):\n    return [f.mean() / 255 for f in films]\n")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    model = open_function("given_module_of_a_test:predict", TWO)
    assert model.sha256 == sha256_of(file)
    assert model.name == "given_module_of_a_test:predict"
    assert sys.path == path


def test_options_of_the_input_are_refused() -> None:
    with pytest.raises(ConfigError, match="--range: a function prepares films itself"):
        open_function(brightness, GivenOptions(classes=("a", "b"), value_range=(0, 1)))


def test_a_pipeline_of_scikit_learn_predicts() -> None:
    def features(given: list[np.ndarray]) -> np.ndarray:
        return np.array([[film.mean(), film.std()] for film in given])

    rng = np.random.default_rng(0)
    train = [rng.integers(0, 100 + 100 * (n % 2), (20, 30)).astype(np.uint8) for n in range(20)]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(features(train), [n % 2 for n in range(20)])
    model = open_function(lambda given: pipeline.predict_proba(features(given)), TWO)
    assert predict_films(model.network, train) == pytest.approx(pipeline.predict_proba(features(train)))


def test_a_function_may_write_into_its_films() -> None:
    def predict(given: list[np.ndarray]) -> np.ndarray:
        scores = brightness(given)
        for film in given:
            film[:] = 0
        given.clear()
        return scores

    given = films()
    before = [film.copy() for film in given]
    assert predict_films(open_function(predict, TWO).network, given)[:, 1].tolist() == [0, 0.4, 1]
    assert all((film == same).all() for film, same in zip(given, before, strict=True))


def test_the_headings_of_a_returned_frame_are_the_classes() -> None:
    class Frame(np.ndarray):
        columns = ("fractured", "normal")

    def predict(given: list[np.ndarray]) -> np.ndarray:
        return np.stack([brightness(given), 1 - brightness(given)], axis=1).view(Frame)

    model = open_function(predict)
    assert model.classes == ("normal", "fractured")
    assert predict_films(model.network, films())[:, 1] == pytest.approx([0, 0.4, 1])
    with pytest.raises(ConfigError, match="returned the columns fractured, normal; --classes says normal, fractured"):
        open_function(predict, TWO)


def in_training_mode(given: list[np.ndarray]) -> np.ndarray:
    """Return outputs that depend on the mean of the batch, as batch norm in training mode does."""
    scores = brightness(given)
    return np.clip(0.5 + (scores - scores.mean()) / 2, 0, 1)


@pytest.mark.parametrize("predict", [in_training_mode, lambda films: np.sort(brightness(films))])
def test_outputs_that_depend_on_other_films_are_warned_of(predict: Callable[..., np.ndarray]) -> None:
    notes = open_function(predict, TWO).describe()
    assert any("WARNING: the outputs of a film change with the other films of a batch" in note for note in notes)
    assert not any("WARNING" in note for note in open_function(brightness, TWO).describe())


def test_a_function_that_ignores_the_films_is_named_without_options_that_it_refuses() -> None:
    constant = open_function(lambda films: [[0.4, 0.6]] * len(films), GivenOptions(classes=("normal", "fracture")))
    (warning,) = (line for line in constant.describe() if "WARNING" in line)
    assert warning.endswith("the same for black, white, a ramp and noise; does the function use the films?")
