"""Export a finished model to one file that runs without fxkit, and compare the file with the model."""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fxkit import __version__
from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import Record, usable
from fxkit.data.preprocessing import Grey, resize
from fxkit.errors import RunError
from fxkit.models.classifier import calibrate_logits
from fxkit.models.exported import (
    FORMATS,
    INPUT,
    KEY,
    OUTPUT,
    ExportedCard,
    export_path,
    format_card,
    import_openvino,
    load_exported,
    model_hash,
)
from fxkit.models.predict_records import TorchNetwork
from fxkit.models.run_folder import open_run, read_json
from fxkit.models.saved import Model, load_model
from fxkit.synth.synthetic_film import make_film, plan_films
from preprocess.errors import ImageError, OutputError
from preprocess.images import read_image, to_grey8
from preprocess.locks import lock

TOLERANCE = 1e-3  # largest accepted difference in probability

MAX_CHECK_FILMS = 32

SYNTHETIC_CHECK_FILMS = 8  # used when the run's own films cannot be read

MAX_BATCH = 4096  # films, declared in the exported network


@dataclass(frozen=True)
class Export:
    """An exported file and the result of its comparison with the model."""

    path: Path
    n_films: int  # compared
    from_run: bool  # the films are the run's own; False: synthetic
    difference: float  # largest difference in probability between file and model


class ExportedNetwork(nn.Module):
    """Normalisation, classifier, temperature, bias and softmax: (N, 1, S, S) uint8 -> (N, C) float32 probabilities."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: Model) -> None:
        super().__init__()
        card = model.card
        self.classifier = model.classifier
        self.temperature = card.temperature
        self.bias = card.bias
        self.register_buffer("mean", torch.tensor(card.preprocessing.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(card.preprocessing.std).view(1, 3, 1, 1))

    def forward(self, films: Tensor) -> Tensor:
        images = (films.float() / 255.0 - self.mean) / self.std
        logits: Tensor = self.classifier(images)
        return calibrate_logits(logits, self.temperature, self.bias).softmax(1)


def export_model(run_folder: str | Path, file_format: str = "onnx", out: str | Path | None = None) -> Export:
    """Export a run's model, compare the file with the model, and keep it only if their probabilities agree.

    The comparison uses test films of the run, else its validation films, else synthetic films.

    Args:
        file_format: onnx or openvino.
        out: the file to write; default RUN/exported/model.<ending>. OpenVINO's weights are a .bin file beside it.
    Raises:
        RunError: no finished run, the backbone cannot be exported in this format, or a probability differs by more
            than TOLERANCE.
        OutputError: the file cannot be written.
    """
    folder = Path(run_folder)
    target = Path(out) if out is not None else export_path(folder, file_format)
    if target.suffix.lower() != FORMATS[file_format]:
        raise RunError(
            f"{target}: expected a name that ends in {FORMATS[file_format]} for {file_format}; correct --out"
        )
    with lock(folder if out is None else target):
        return _export(folder, file_format, target)


def _export(folder: Path, file_format: str, target: Path) -> Export:
    model = load_model(folder)
    films, from_run = select_check_films(folder, model)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as temporary:
            written = Path(temporary) / target.name
            write_exported(model, describe_export(folder, model), file_format, written)
            difference = measure_difference(model, written, films)
            _check_difference(target, difference, len(films))
            for file in sorted(Path(temporary).iterdir()):  # .bin before the .xml that refers to it
                os.replace(file, target.parent / file.name)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({error.strerror}); free some space or choose another --out"
        ) from error
    return Export(target, len(films), from_run, difference)


def describe_export(folder: Path, model: Model) -> ExportedCard:
    """Return the card for the exported file of a run's model."""
    manifest = read_json(folder / "manifest.json") if (folder / "manifest.json").is_file() else {}
    return ExportedCard(
        classes=model.card.classes,
        preprocessing=model.card.preprocessing,
        cleaning=model.card.cleaning,
        threshold=model.card.threshold,
        temperature=model.card.temperature,
        bias=model.card.bias,
        backbone=model.card.model.backbone,
        stamp=str(manifest.get("stamp", "")),
        source=model_hash(folder),
        fxkit=__version__,
    )


def write_exported(model: Model, card: ExportedCard, file_format: str, path: Path) -> None:
    """Write a model in one of FORMATS, with the card in the file's metadata. It is not compared with the model.

    Raises:
        RunError: the exporter does not support an operation of the backbone, or OpenVINO is not installed.
    """
    network = ExportedNetwork(model).cpu().eval()
    size = card.preprocessing.image_size
    example = torch.zeros(2, 1, size, size, dtype=torch.uint8)  # an example of one film would fix the batch size at 1
    try:
        with _without_warnings(), torch.no_grad():
            WRITERS[file_format](network, example, path, format_card(card))
    except RunError:
        raise
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        others = ", ".join(name for name in FORMATS if name != file_format)
        raise RunError(f"{card.backbone}: cannot be exported as {file_format} ({reason}); try {others}") from error


def select_check_films(folder: Path, model: Model) -> tuple[Grey, bool]:
    """Return films to compare a model with its export, and whether they are the run's own.

    They are up to MAX_CHECK_FILMS test films (N, S, S) of the run, else validation films, else synthetic films. They
    are not cleaned: any film serves to compare two networks.
    """
    try:
        run = open_run(folder)
        records = usable(run.records, "test") or usable(run.records, "val")
        films = _read_films(run.root, records, run.config.data.max_pixels)
    except (RunError, ImageError):
        films = []
    images = films or [make_film(plan).image for plan in plan_films(SYNTHETIC_CHECK_FILMS, 0, 0.5)]
    return np.stack([resize(to_grey8(image), model.card.preprocessing) for image in images]), bool(films)


def _read_films(root: Path, records: Sequence[Record], max_pixels: int) -> list[Grey]:
    """Read up to MAX_CHECK_FILMS films, evenly spaced over the records."""
    place = open_image_root(root)
    chosen = records[:: -(-len(records) // MAX_CHECK_FILMS)] if records else ()
    return [to_grey8(read_image(place.find(r.path), max_pixels=max_pixels)) for r in chosen]


def measure_difference(model: Model, exported: Path, films: Grey) -> float:
    """Return the largest difference in probability between a model and its export on (N, S, S) films.

    The export runs once on a single film and once on all others, so that both batch sizes are tested.
    """
    network = load_exported(exported)
    batches = [films[:1], films[1:]] if len(films) > 1 else [films]
    probabilities = np.concatenate([network.probabilities(batch) for batch in batches])
    return float(np.abs(probabilities - TorchNetwork(model, torch.device("cpu")).probabilities(films)).max())


def _check_difference(target: Path, difference: float, n_films: int) -> None:
    if not difference <= TOLERANCE:  # also true if the difference is not a number
        raise RunError(
            f"{target}: not kept: its probabilities differ by up to {difference:.2g} from the model's over {n_films} "
            f"films; expected at most {TOLERANCE:g}; try another --format"
        )


def _write_onnx(network: nn.Module, example: Tensor, path: Path, card: str) -> None:
    batch = torch.export.Dim("films", min=1, max=MAX_BATCH)
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: batch},),
        verbose=False,
    )
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # holds source file paths of this machine
    program.model.metadata_props[KEY] = card
    program.save(str(path), external_data=False)


def _write_openvino(network: nn.Module, example: Tensor, path: Path, card: str) -> None:
    openvino = import_openvino(path)
    with tempfile.TemporaryDirectory() as temporary:
        onnx_file = Path(temporary) / "model.onnx"
        _write_onnx(network, example, onnx_file, card)
        model = openvino.convert_model(onnx_file)
        model.set_rt_info(card, KEY)
        openvino.save_model(model, path, compress_to_fp16=False)


WRITERS: Mapping[str, Callable[[nn.Module, Tensor, Path, str], None]] = {
    "onnx": _write_onnx,
    "openvino": _write_openvino,
}


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide the exporters' warnings: the comparison with the model shows whether the result is right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
