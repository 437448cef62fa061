"""Open any model by its name: a run folder, an exported file, an ONNX file, or a name in timm's format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fxkit.data.positive import check_order, positive_class
from fxkit.errors import ConfigError
from fxkit.models.engines import open_network
from fxkit.models.exported import KEY, model_hash
from fxkit.models.given.foreign_formats import refuse_foreign_format
from fxkit.models.given.network import FilmModel
from fxkit.models.given.options import NO_OPTIONS, GivenOptions
from fxkit.models.given.predictor import Predictor, import_function, open_predictor
from fxkit.models.hub import PREFIXES
from fxkit.models.predict_images import AnyNetwork, Network
from preprocess.files import sha256_of

Kind = Literal["run", "export", "onnx", "timm", "predictor"]


@dataclass(frozen=True)
class OpenedModel:
    """A model that is ready to predict films with `fxkit.models.predict_images.predict_films`.

    Attributes:
        name: as the user gave it.
        sha256: identifies the model: hash of its file, its weights, or its function's source file.
        note: why another engine than expected was chosen; else "".
    """

    network: AnyNetwork
    name: str
    kind: Kind
    sha256: str
    note: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the probabilities; of two, the second is positive."""
        return self.network.card.classes

    @property
    def threshold(self) -> float:
        """Probability from which a film counts as positive."""
        return self.network.card.threshold

    def describe(self) -> list[str]:
        """Return lines that say what the model takes and returns, and what was guessed."""
        if isinstance(self.network, FilmModel):
            return self.network.describe()
        return _describe_network(self.network)  # type: ignore[arg-type]  # all other given networks are FilmModels


def open_model(
    name: str | Path,
    options: GivenOptions = NO_OPTIONS,
    *,
    engine: str = "auto",
    device: str = "auto",
    films: int = 1,
) -> OpenedModel:
    """Open a model.

    Args:
        name: a run folder, a file of `fxkit export`, any ONNX classifier, or timm:NAME, hf-hub:OWNER/NAME or
            local-dir:FOLDER for models in timm's format.
        options: what the user says about a model made elsewhere. Models of fxkit say it themselves.
        engine, device, films: see `fxkit.models.engines.open_network`; for models of fxkit and timm.
    Raises:
        RunError: there is no such model, it is damaged, or it is no classifier of images.
        ConfigError: an option does not fit the model, or something that the model does not say is needed.
        WeightsError: the weights cannot be found or downloaded.
    """
    text, path = str(name), Path(name)
    if text.startswith(PREFIXES):
        from fxkit.models.given.timm_model import open_timm

        if engine not in ("auto", "torch"):
            raise ConfigError(f"--engine {engine}: {text} runs in torch only; leave out --engine")
        model = open_timm(text, options, device)
        return OpenedModel(model, text, "timm", model.card.sha256)
    if path.is_dir() or path.suffix.lower() == ".xml" or _is_export(path):
        return _open_fxkit(path, options, engine, device, films)
    if engine not in ("auto", "onnx") or device not in ("auto", "cpu"):
        raise ConfigError(f"{path}: runs in ONNX Runtime on the CPU only; leave out --engine and --device")
    from fxkit.models.given.onnx_file import open_onnx

    model = open_onnx(path, options)
    return OpenedModel(model, text, "onnx", model.card.sha256)


def check_name(model: str | None, predictor: str | None) -> None:
    """Refuse a model or function that is not there, before much time is spent on the films.

    Raises:
        RunError: the model's file is missing, or of a format that is not opened; or the module cannot be imported.
        ConfigError: there is no such function.
    """
    if predictor is not None:
        import_function(predictor)
    elif model is not None and not model.startswith(PREFIXES) and not Path(model).is_dir():
        refuse_foreign_format(Path(model))


def open_function(predictor: str | Predictor, options: GivenOptions = NO_OPTIONS) -> OpenedModel:
    """Open a Python function as a model; see `open_predictor`."""
    model = open_predictor(predictor, options)
    return OpenedModel(model, model.outputs.name, "predictor", model.card.sha256)


def _is_export(path: Path) -> bool:
    """Tell whether an ONNX file is an export of fxkit, by its metadata; other programs' files are read elsewhere."""
    if path.suffix.lower() != ".onnx" or not path.is_file():
        return False
    needle = f"\n\x05{KEY}\x12".encode()  # field 1 of a metadata entry, the key, then field 2, the value
    return needle in path.read_bytes()


def _open_fxkit(path: Path, options: GivenOptions, engine: str, device: str, films: int) -> OpenedModel:
    if options.about_input or options.classes or options.scale or options.threshold is not None:
        option = next(iter([*options.about_input, *(["--classes"] if options.classes else [])]), "--threshold")
        raise ConfigError(f"{option}: {path} is a model of fxkit, which says this itself; leave the option out")
    opened = open_network(path, engine=engine, device=device, films=films)
    if options.positive is not None:
        check_order(opened.network.card.classes, options.positive, str(path))
    kind: Kind = "run" if path.is_dir() else "export"
    sha256 = model_hash(path) if path.is_dir() else sha256_of(path)
    return OpenedModel(opened.network, str(path), kind, sha256, opened.note)


def _describe_network(network: Network) -> list[str]:
    card, preprocessing = network.card, network.card.preprocessing
    size, cleaned = preprocessing.image_size, "cleaned" if card.cleaning is not None else "raw"
    how = {"stretch": "stretched", "pad": "padded with black"}[preprocessing.resize]
    mean, std = (", ".join(f"{v:g}" for v in values) for values in (preprocessing.mean, preprocessing.std))
    lines = [
        f"input: {size} x {size} pixels, 3 equal channels, {how}; trained on {cleaned} films",
        f"values: black 0, white 1; mean {mean}, std {std}",
        f"outputs: probabilities of {', '.join(card.classes)}",
    ]
    return [*lines, f"positive class: {positive_class(card.classes)}"] if len(card.classes) == 2 else lines
