"""Models trained without fxkit, judged by the commands alone: on films with a planted marker, and on films without.

A network of torchvision's layers is trained in plain PyTorch and exported to ONNX; a pipeline of scikit-learn is given
as a function. Where the marker's corner tells the class, both learn the corner; where it does not, the bone.
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import joblib
import numpy as np
import pytest
import torch
import torchvision
from click.testing import Result
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fxkit.cli.ablate import ablate
from fxkit.cli.audit import audit
from fxkit.cli.cam import cam
from fxkit.cli.clean_labels import clean_labels
from fxkit.cli.evaluate import evaluate
from fxkit.cli.index import index_command
from preprocess.images import read_grey8
from tests.fxkit.marker_films import CLASSES, SIDE, write_marker_films

Invoke = Callable[..., Result]

pytestmark = pytest.mark.slow

KINDS = {0.9: "planted", 0.0: "without"}  # correlation of the marker's corner and the class


@dataclass(frozen=True)
class Films:
    """The tested films, their manifest, and the arrays that a model learns from.

    Attributes:
        images: (N, 96, 96) uint8 training films.
        labels: (N,) their classes, 0 or 1.
    """

    root: Path
    manifest: Path
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def write_films(folder: Path, correlation: float, invoke: Invoke) -> Films:
    root, manifest = write_marker_films(folder / "films", films=100, correlation=correlation), folder / "manifest.csv"
    options = ["--no-copies", "--fractions", "0,0,1"]  # all these films are alike, so none is a copy
    invoke(index_command, root / "truth.csv", *options, "--out", manifest)
    learnt = sorted(write_marker_films(folder / "train", films=100, correlation=correlation, seed=1).glob("*/*.png"))
    images = np.stack([read_grey8(path) for path in learnt])
    return Films(root, manifest, images, np.array([CLASSES.index(path.parent.name) for path in learnt]))


def train_network(films: Films, file: Path) -> None:
    """Train a network in plain PyTorch on films at half their size, and export it; the file says nothing about it."""
    torch.manual_seed(0)
    layer = torchvision.ops.Conv2dNormActivation
    network = torch.nn.Sequential(
        layer(1, 8, 3), torch.nn.MaxPool2d(2), layer(8, 16, 3), torch.nn.MaxPool2d(2), layer(16, 16, 3),
        torch.nn.AdaptiveMaxPool2d(6), torch.nn.Flatten(), torch.nn.Dropout(0.3), torch.nn.Linear(16 * 36, 2),
    )  # fmt: skip
    small = [cv2.resize(film, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA) for film in films.images]
    x = (torch.from_numpy(np.stack(small))[:, None].float() / 255 - 0.5) / 0.25
    y = torch.from_numpy(films.labels)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    for _ in range(15):
        for rows in torch.randperm(len(x)).split(20):
            loss = torch.nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with warnings.catch_warnings():  # that this exporter is the older one; it is the quicker one
        warnings.simplefilter("ignore")
        axes = {"input": {0: "films"}}
        torch.onnx.export(network.eval(), (x[:2],), str(file), dynamo=False, dynamic_axes=axes, input_names=["input"])


PREDICTOR = """
import cv2, joblib, numpy as np
from pathlib import Path

pipeline = joblib.load(Path(__file__).with_name("pipeline.joblib"))  # my own file

def predict(films):
    small = [cv2.resize(film, (24, 24), interpolation=cv2.INTER_AREA).ravel() for film in films]
    return pipeline.predict_proba(np.stack(small) / 255.0)

predict.classes = ("not_fractured", "fractured")
"""


def train_pipeline(films: Films, folder: Path, module: str) -> None:
    """Train a pipeline of scikit-learn on small films, and write a module whose function predicts with it."""
    small = [cv2.resize(film, (24, 24), interpolation=cv2.INTER_AREA).ravel() for film in films.images]
    pipeline = make_pipeline(StandardScaler(), PCA(20, random_state=0), LogisticRegression(C=0.1))
    joblib.dump(pipeline.fit(np.stack(small) / 255.0, films.labels), folder / "pipeline.joblib")
    (folder / f"{module}.py").write_text(PREDICTOR)


@dataclass(frozen=True)
class Judged:
    """What the commands say about a model.

    Attributes:
        printed: what `fxkit ablate` printed.
        answer: the audit's answer about markers.
        auroc: by film, on the raw films.
        attention: ratio of the attention on markers to their area, and in words.
    """

    printed: str
    answer: dict[str, Any]
    auroc: float
    attention: dict[str, Any]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> dict[tuple[str, str], Judged]:
    """Both models on both kinds of films: (kind, model) -> what the commands say."""
    results = {}
    for correlation, kind in KINDS.items():
        folder = tmp_path_factory.mktemp(kind)
        films = write_films(folder, correlation, invoke)
        invoke(clean_labels, films.root, "--markers", films.root / "markers.json")
        train_network(films, folder / "network.onnx")
        train_pipeline(films, folder, f"pipeline_{kind}")
        network = ["--model", folder / "network.onnx", "--classes", ",".join(CLASSES), "--mean", "0.5", "--std", "0.25"]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            results[kind, "network"] = judge(invoke, films, network, folder / "network")
            results[kind, "pipeline"] = judge(
                invoke, films, ["--predictor", f"pipeline_{kind}:predict"], folder / "pipeline"
            )
    return results


def judge(invoke: Invoke, films: Films, model: list[object], out: Path) -> Judged:
    """Evaluate, test, map and audit a model; each command is given no more than a user would give."""
    invoke(evaluate, *model, "--manifest", films.manifest, "--root", films.root, "--out", out)
    printed = invoke(ablate, "masked-vs-raw", *model, "--out", out, "--seeds", "0").stdout
    invoke(cam, out, *model, "--markers", f"{films.root}-clean", "--limit", 3)
    answers = json.loads(invoke(audit, out, "--json").stdout)["answers"]
    return Judged(
        printed,
        next(answer for answer in answers if answer["key"] == "markers"),
        json.loads((out / "metrics.json").read_text())["film"]["figures"]["auroc"]["value"],
        json.loads((out / "cam" / "attention.json").read_text())["shares"][0],
    )


@pytest.mark.parametrize("model", ["network", "pipeline"])
def test_a_planted_marker_is_found(judged: dict[tuple[str, str], Judged], model: str) -> None:
    one = judged["planted", model]
    assert one.auroc > 0.85
    assert "verdict: reliance" in one.printed.splitlines(), one.printed
    assert one.answer["colour"] == "red"
    assert "the given model uses the markers" in one.answer["reason"]
    assert one.attention["verdict"] == "more than by chance"


@pytest.mark.parametrize("model", ["network", "pipeline"])
def test_without_a_planted_marker_there_is_no_evidence(judged: dict[tuple[str, str], Judged], model: str) -> None:
    one = judged["without", model]
    assert one.auroc > 0.65  # the bone alone
    assert "verdict: no evidence" in one.printed.splitlines(), one.printed
    assert one.answer["colour"] == "green"
    assert one.attention["n_films"] == 3  # too few to compare with chance
