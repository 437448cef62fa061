"""Prediction of a manifest's rows, in torch and with any network."""

import numpy as np
import pytest
import torch

from fxkit.config import DataConfig
from fxkit.data.manifest import usable
from fxkit.errors import ConfigError
from fxkit.models.predict_records import (
    TorchNetwork,
    choose_device,
    predict_records,
    predict_tensor,
)
from fxkit.models.predict_with import predict_records_with
from fxkit.models.run_folder import Run
from fxkit.models.saved import Model
from preprocess.errors import ImageError

from .conftest import with_card


def test_predictions_are_in_the_order_of_the_manifest(trained: Run, model: Model) -> None:
    records = usable(trained.records, "test")
    predictions = predict_records(model, trained.root, records, DataConfig(batch_size=4, workers=0))
    assert predictions.paths == tuple(r.path for r in records)
    assert predictions.classes == ("not_fractured", "fractured")
    assert [predictions.classes[i] for i in predictions.labels] == [r.label for r in records]
    assert np.allclose(predictions.probabilities.sum(axis=1), 1)


def test_the_batch_size_does_not_matter(trained: Run, model: Model) -> None:
    records = usable(trained.records, "test")
    one, four = (
        predict_records(model, trained.root, records, DataConfig(batch_size=n, workers=0)).probabilities for n in (1, 4)
    )
    assert np.allclose(one, four, atol=1e-5)


def test_an_empty_manifest_gives_no_predictions(trained: Run, model: Model) -> None:
    assert len(predict_records(model, trained.root, [], DataConfig(workers=0))) == 0


def test_any_network_predicts_rows_as_torch_does(trained: Run, model: Model) -> None:
    records = usable(trained.records, "test")
    by_torch = predict_records(model, trained.root, records, DataConfig(workers=0))
    network = TorchNetwork(model, torch.device("cpu"))
    other = predict_records_with(network, trained.root, records, max_pixels=10**6)
    assert (by_torch.paths, by_torch.films, by_torch.groups) == (other.paths, other.films, other.groups)
    assert np.array_equal(by_torch.labels, other.labels)
    assert np.allclose(by_torch.probabilities, other.probabilities, atol=1e-6)
    assert len(predict_records_with(network, trained.root, [], max_pixels=1)) == 0


def test_an_unreadable_row_is_an_error(trained: Run, model: Model) -> None:
    with pytest.raises(ImageError, match="pixels, more than the limit of 1"):
        predict_records_with(TorchNetwork(model, torch.device("cpu")), trained.root, trained.records[:1], max_pixels=1)


def test_a_high_temperature_flattens_probabilities_and_keeps_their_order(model: Model) -> None:
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 5
    plain, flat = predict_tensor(model, images), predict_tensor(with_card(model, temperature=100.0), images)
    assert np.abs(flat - 0.5).max() < np.abs(plain - 0.5).max()
    assert np.array_equal(plain.argmax(1), flat.argmax(1))


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--device warp: cannot be used .*; give auto, cpu, cuda or mps"):
        choose_device("warp")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is available")
def test_an_unavailable_device_is_refused() -> None:
    with pytest.raises(ConfigError, match="--device cuda: cannot be used"):
        choose_device("cuda")
