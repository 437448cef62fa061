"""The same film in files of several formats and depths gets the same probability, in torch and in an exported file."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from torch import nn

from fxkit.cli.predict import predict
from fxkit.models.classifier import Classifier
from fxkit.models.export import export_model
from fxkit.models.predict_records import TorchNetwork
from fxkit.models.run_folder import Run
from fxkit.models.saved import load_model, save_model
from preprocess.images import read_grey8
from tests.fxkit.corpus.dicoms import made as dicom

Grey = NDArray[np.uint8]

PHOTOMETRIC = 262  # tag of TIFF

KINDS = 8  # of files that `write_kinds` writes


def as_12_bits(film: Grey) -> NDArray[np.uint16]:
    """Return the film with 12 bits; black is 0 and white 4095."""
    return np.round(film * (4095 / 255)).astype(np.uint16)


def burn(image: NDArray[Any], white: int) -> NDArray[Any]:
    """Return a copy with letters of the value `white`."""
    ink = cv2.putText(np.zeros(image.shape, np.uint8), "L 1234", (8, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 1, 3)
    return np.where(ink == 1, white, image).astype(image.dtype)


def write_dicom(path: Path, values: NDArray[np.uint16], bits: int, photometric: str = "MONOCHROME2") -> None:
    """Write a film of so many stored bits without a window."""
    height, width = values.shape
    depth = {"BitsStored": bits, "HighBit": bits - 1, "PhotometricInterpretation": photometric}
    path.write_bytes(dicom(values, Rows=height, Columns=width, **depth))


def write_kinds(folder: Path, film: Grey, *, letters: bool) -> None:
    """Write the film as files of all kinds, with letters that are white or, above the film's 12 bits, at 65535."""
    deep = as_12_bits(film)
    marked = burn(deep, 65535) if letters else deep
    full = burn(deep, 4095) if letters else deep
    cv2.imwrite(str(folder / "8-bits.png"), burn(film, 255) if letters else film)
    cv2.imwrite(str(folder / "12-of-16-bits.png"), marked)
    cv2.imwrite(str(folder / "12-of-16-bits.tif"), marked)
    cv2.imwrite(str(folder / "16-bits.png"), np.round(full * (65535 / 4095)).astype(np.uint16))
    tags = ImageFileDirectory_v2()
    tags[PHOTOMETRIC] = 0
    Image.fromarray(65535 - full * np.uint16(16)).save(folder / "white-is-zero.tif", tiffinfo=tags)
    write_dicom(folder / "12-bits.dcm", full, 12)
    write_dicom(folder / "12-of-16-bits.dcm", marked, 16)
    write_dicom(folder / "inverted.dcm", 4095 - full, 12, "MONOCHROME1")


@pytest.fixture(scope="module")
def sharp(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run with a head whose logits are spread over the films, so that a wrong grey scale would show."""
    folder = Path(shutil.copytree(trained.folder, tmp_path_factory.mktemp("sharp") / "run"))
    model = load_model(folder)
    model = replace(model, card=replace(model.card, temperature=1.0, bias=()))
    films = np.stack([read_film(trained, number) for number in range(0, 40, 4)])
    last = cast(nn.Linear, cast(Classifier, model.classifier).head[-1])
    network = TorchNetwork(model, torch.device("cpu"))
    with torch.no_grad():
        difference = np.diff(np.log(network.probabilities(films)), axis=1)
        scale = 2 / difference.std()
        last.weight.mul_(scale)
        last.bias.mul_(scale)[1] -= scale * difference.mean()
    save_model(folder, model)
    return folder


def read_film(run: Run, number: int) -> Grey:
    """Return a film of the run at the size of the network."""
    return cv2.resize(read_grey8(run.root / run.records[number].path), (64, 64), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("letters", [False, True], ids=["bare", "letters"])
def test_a_film_has_one_probability_whatever_its_file(trained: Run, sharp: Path, tmp_path: Path, letters: bool) -> None:
    for number in (0, 9, 20, 31):
        (tmp_path / "films" / str(number)).mkdir(parents=True)
        film = read_grey8(trained.root / trained.records[number].path)
        larger = cv2.resize(film, (300, 400), interpolation=cv2.INTER_LINEAR)
        write_kinds(tmp_path / "films" / str(number), larger, letters=letters)
    exported = export_model(sharp, "onnx", tmp_path / "sharp.onnx").path
    probabilities: dict[str, list[float]] = {}
    for model, engine in ((sharp, "torch"), (exported, "onnx")):
        for name, value in predict_folder(model, tmp_path / "films", engine):
            probabilities.setdefault(Path(name).parent.name, []).append(value)
    assert {len(values) for values in probabilities.values()} == {2 * KINDS}
    for values in probabilities.values():
        assert max(values) - min(values) < 0.01
    first = [values[0] for values in probabilities.values()]
    assert max(first) - min(first) > 0.2  # the model tells films apart


def predict_folder(model: Path, folder: Path, engine: str) -> list[tuple[str, float]]:
    """Return the path and the probability of the positive class of each film, by `fxkit predict --json`."""
    command = [str(model), str(folder), "--json", "--engine", engine]
    result = CliRunner().invoke(predict, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [(row["path"], row["probabilities"][row["positive"]]) for row in json.loads(result.stdout)]


def test_a_wrong_grey_scale_would_change_the_probability(trained: Run, sharp: Path, tmp_path: Path) -> None:
    film = read_grey8(trained.root / trained.records[0].path)
    for name, image in (("right", film), ("dark", film // 4)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    (_, dark), (_, right) = predict_folder(sharp, tmp_path, "torch")
    assert abs(right - dark) > 0.05
