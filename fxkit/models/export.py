"""Export a finished model as one file that runs without fxkit, and check it against the model on real films."""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from fxkit import __version__
from fxkit.data.dataset import open_image_root
from fxkit.data.manifest import Record, usable
from fxkit.data.preprocessing import Grey, resize
from fxkit.errors import RunError
from fxkit.models.exported import (
    FORMATS,
    INPUT,
    KEY,
    OUTPUT,
    SCRIPT_CARD,
    ExportedCard,
    card_text,
    load_exported,
    openvino_of,
    source_of,
)
from fxkit.models.predict_records import TorchNetwork
from fxkit.models.run_folder import open_run, read_json
from fxkit.models.saved import Model, load_model
from fxkit.synth.dataset import make_film, plans
from preprocess.errors import ImageError, OutputError
from preprocess.images import read_image, to_grey8

TOLERANCE = 1e-3  # in probability

CHECKED = 32  # films, at most

MADE = 8  # films, where the run's own are not at hand

LARGEST_BATCH = 4096  # films, in an exported network's promises


@dataclass(frozen=True)
class Export:
    """What was exported, and how it was checked."""

    path: Path
    films: int
    own: bool  # they are the run's own; else made ones
    difference: float  # the largest in probability between the exported file and the model


class ExportedNetwork(nn.Module):
    """Normalisation, classifier, temperature and softmax: (N, 1, S, S) uint8 -> (N, C) float32 probabilities."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: Model) -> None:
        super().__init__()
        card = model.card
        self.classifier = model.classifier
        self.temperature = card.temperature
        self.register_buffer("mean", torch.tensor(card.preprocessing.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(card.preprocessing.std).view(1, 3, 1, 1))

    def forward(self, films: Tensor) -> Tensor:
        images = (films.float() / 255.0 - self.mean) / self.std
        logits: Tensor = self.classifier(images)
        return (logits / self.temperature).softmax(1)


def export_model(run_folder: str | Path, form: str = "onnx", out: str | Path | None = None) -> Export:
    """Write a run's model as onnx, openvino or torchscript; it is kept only if it says what the model says.

    The check runs on test films of the run, else on its validation films, else on made ones.

    Args:
        out: the file; RUN/exported/model.<ending> if not given. OpenVINO's weights go beside it as .bin.
    Raises:
        RunError: no finished run, a backbone that cannot be exported so, or a probability that differs by more
            than TOLERANCE.
        OutputError: the place cannot be written.
    """
    folder = Path(run_folder)
    target = Path(out) if out is not None else exported_file(folder, form)
    if target.suffix.lower() != FORMATS[form]:
        raise RunError(f"{target}: expected a name that ends in {FORMATS[form]} for {form}; correct --out")
    model = load_model(folder)
    films, own = parity_films(folder, model)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as aside:
            written = Path(aside) / target.name
            write_exported(model, exported_card(folder, model), form, written)
            difference = compare(model, written, films)
            _refuse_difference(target, difference, len(films))
            for file in sorted(Path(aside).iterdir()):  # the .bin before the .xml that speaks of it
                os.replace(file, target.parent / file.name)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({error.strerror}); free some space or choose another --out"
        ) from error
    return Export(target, len(films), own, difference)


def exported_file(run_folder: Path, form: str) -> Path:
    """Return where a run keeps its own export."""
    return run_folder / "exported" / f"model{FORMATS[form]}"


def exported_card(folder: Path, model: Model) -> ExportedCard:
    """Return what the exported file of a run's model says of itself."""
    described = read_json(folder / "manifest.json") if (folder / "manifest.json").is_file() else {}
    return ExportedCard(
        classes=model.card.classes,
        preprocessing=model.card.preprocessing,
        cleaning=model.card.cleaning,
        threshold=model.card.threshold,
        temperature=model.card.temperature,
        backbone=model.card.model.backbone,
        stamp=str(described.get("stamp", "")),
        source=source_of(folder),
        fxkit=__version__,
    )


def write_exported(model: Model, card: ExportedCard, form: str, path: Path) -> None:
    """Write a model in one of FORMATS; its card goes into the file's metadata.

    Raises:
        RunError: the exporter does not know an operation of the backbone, or its runtime is not installed.
    """
    network = ExportedNetwork(model).cpu().eval()
    size = card.preprocessing.image_size
    example = torch.zeros(2, 1, size, size, dtype=torch.uint8)  # of two films: a batch of one would be taken as fixed
    try:
        with _quiet(), torch.no_grad():
            WRITERS[form](network, example, path, card_text(card))
    except RunError:
        raise
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise RunError(
            f"{card.backbone}: cannot be exported as {form} ({reason}); try another of {', '.join(FORMATS)}"
        ) from error


def parity_films(folder: Path, model: Model) -> tuple[Grey, bool]:
    """Return up to CHECKED films (N, S, S) of the run's test split, else of val; made ones (and False) where none is.

    They are not cleaned: the network is to be compared, and takes any film.
    """
    try:
        run = open_run(folder)
        records = usable(run.records, "test") or usable(run.records, "val")
        films = _films_of(run.root, records, run.config.data.max_pixels)
    except (RunError, ImageError):
        films = []
    own = bool(films)
    images = films or [make_film(plan, seed=0).image for plan in plans(MADE, 0, 0.5)]
    return np.stack([resize(to_grey8(image), model.card.preprocessing) for image in images]), own


def _films_of(root: Path, records: Sequence[Record], max_pixels: int) -> list[Grey]:
    place = open_image_root(root)
    chosen = records[:: -(-len(records) // CHECKED)] if records else ()
    return [to_grey8(read_image(place.find(r.path), max_pixels=max_pixels)) for r in chosen]


def compare(model: Model, exported: Path, films: Grey) -> float:
    """Return the largest difference in probability between a model and its export, in batches of one and of many."""
    network = load_exported(exported)
    found = np.concatenate([network.probabilities(part) for part in (films[:1], films[1:]) if len(part)])
    return float(np.abs(found - TorchNetwork(model, torch.device("cpu")).probabilities(films)).max())


def _refuse_difference(target: Path, difference: float, films: int) -> None:
    if not difference <= TOLERANCE:
        raise RunError(
            f"{target}: not kept: its probabilities differ by up to {difference:.2g} from the model's over {films} "
            f"films; expected at most {TOLERANCE:g}; try another --format"
        )


def _write_onnx(network: nn.Module, example: Tensor, path: Path, card: str) -> None:
    count = torch.export.Dim("films", min=1, max=LARGEST_BATCH)
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: count},),
        verbose=False,
    )
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # where in whose folders the code lies
    program.model.metadata_props[KEY] = card
    program.save(str(path), external_data=False)


def _write_openvino(network: nn.Module, example: Tensor, path: Path, card: str) -> None:
    openvino = openvino_of(path)
    with tempfile.TemporaryDirectory() as aside:
        between = Path(aside) / "model.onnx"
        _write_onnx(network, example, between, card)
        model = openvino.convert_model(between)
        model.set_rt_info(card, KEY)
        openvino.save_model(model, path, compress_to_fp16=False)


def _write_torchscript(network: nn.Module, example: Tensor, path: Path, card: str) -> None:
    traced = torch.jit.freeze(cast(Any, torch.jit).trace(network, example, check_trace=False))
    torch.jit.save(traced, str(path), _extra_files={SCRIPT_CARD: card})


WRITERS: Mapping[str, Callable[[nn.Module, Tensor, Path, str], None]] = {
    "onnx": _write_onnx,
    "openvino": _write_openvino,
    "torchscript": _write_torchscript,
}


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn of what a trace cannot follow, and that they may change; the comparison tells what matters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
