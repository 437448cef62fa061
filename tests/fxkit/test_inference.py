"""Prediction: of a manifest's rows, of single files, and of files that cannot be read."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fxkit.config import DataConfig
from fxkit.data.manifest import usable
from fxkit.errors import ConfigError
from fxkit.inference import build_cleaner, choose_device, decide, predict_images, predict_records, predict_tensor
from fxkit.run import Model, Run, load_model
from preprocess.settings import CleanSettings


@pytest.fixture(scope="module")
def model(trained: Run) -> Model:
    return load_model(trained.folder)


def with_card(model: Model, **changes: object) -> Model:
    return Model(model.classifier, replace(model.card, **changes))  # type: ignore[arg-type]


def test_rows_come_in_the_manifests_order(trained: Run, model: Model) -> None:
    records = usable(trained.records, "test")
    found = predict_records(model, trained.root, records, DataConfig(batch_size=4, workers=0))
    assert found.paths == tuple(r.path for r in records)
    assert found.classes == ("not_fractured", "fractured")
    assert [found.classes[i] for i in found.labels] == [r.label for r in records]
    assert np.allclose(found.probabilities.sum(axis=1), 1)


def test_the_batch_size_does_not_matter(trained: Run, model: Model) -> None:
    records = usable(trained.records, "test")
    one, four = (
        predict_records(model, trained.root, records, DataConfig(batch_size=n, workers=0)).probabilities for n in (1, 4)
    )
    assert np.allclose(one, four, atol=1e-5)


def test_no_rows_give_no_predictions(trained: Run, model: Model) -> None:
    assert len(predict_records(model, trained.root, [], DataConfig(workers=0))) == 0


def test_single_files_give_what_the_manifest_gives(trained: Run, model: Model) -> None:
    records = usable(trained.records, "test")[:3]
    rows = predict_records(model, trained.root, records, DataConfig(workers=0))
    single = predict_images(model, [trained.root / r.path for r in records])
    assert np.allclose([s.probabilities for s in single], rows.probabilities, atol=1e-5)
    assert all(s.markers is None and not s.error for s in single)


def test_a_bad_file_does_not_stop_the_others(trained: Run, model: Model, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    good = trained.root / trained.records[0].path
    bad, fine = predict_images(model, [tmp_path / "empty.png", good])
    assert "zero bytes" in bad.error
    assert bad.probabilities == ()
    assert fine.decision in model.card.classes


def test_temperature_flattens_and_keeps_the_order(model: Model) -> None:
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 5
    plain, flat = predict_tensor(model, images), predict_tensor(with_card(model, temperature=100.0), images)
    assert np.abs(flat - 0.5).max() < np.abs(plain - 0.5).max()
    assert np.array_equal(plain.argmax(1), flat.argmax(1))


@pytest.mark.parametrize(("threshold", "decision"), [(0.3, "fractured"), (0.4, "fractured"), (0.41, "not_fractured")])
def test_the_threshold_is_on_the_positive_class(model: Model, threshold: float, decision: str) -> None:
    assert decide(with_card(model, threshold=threshold), np.array([0.6, 0.4])) == decision


def test_the_likeliest_of_many_classes_wins(model: Model) -> None:
    assert decide(with_card(model, classes=("a", "b", "c")), np.array([0.2, 0.5, 0.3])) == "b"


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--device warp: cannot be used .*; give auto, cpu, cuda or mps"):
        choose_device("warp")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is at hand")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="--device cuda: cannot be used"):
        choose_device("cuda")


def test_a_model_of_raw_films_needs_no_cleaner(model: Model) -> None:
    assert build_cleaner(model) is None


@pytest.mark.slow
def test_a_model_of_cleaned_films_gets_them_cleaned(trained: Run, model: Model) -> None:
    cleaning = asdict(CleanSettings(read_text=False))
    marked = next(r for r in trained.records if r.path.endswith("1.png"))
    path = trained.root / marked.path
    result = predict_images(with_card(model, cleaning=cleaning), [path])[0]
    assert result.markers is not None
    untouched = predict_images(with_card(model, cleaning=cleaning), [path], raw=True)[0]
    assert untouched.markers is None
