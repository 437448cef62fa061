"""Training settings: frozen pydantic models, filled from YAML presets and `--set key=value`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from fxkit.errors import ConfigError
from preprocess.files import write_atomic
from preprocess.image_files import MAX_PIXELS
from preprocess.yaml_files import check_settings, did_you_mean, parse_yaml, read_yaml

Std = Annotated[float, Field(gt=0)]

# Arguments of timm.create_model that load weights (in some versions by unpickling) or change the head.
LOADING_ARGS = frozenset(
    {
        "checkpoint_path",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "cache_dir",
        "num_classes",
        "model_name",
    }
)


class Settings(BaseModel):
    """Base of all settings: immutable, and unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(Settings):
    """How films are read and batched."""

    image_size: int | None = Field(None, ge=32, le=8192)  # side of the square input, px; None: the backbone's default
    resize: Literal["stretch", "pad"] = "stretch"  # pad: keep the aspect ratio, fill with black
    batch_size: int = Field(32, ge=1)
    workers: int = Field(2, ge=0)  # data loader processes
    max_pixels: int = Field(MAX_PIXELS, ge=1)  # larger films are an error
    cache_bytes: int = Field(4_000_000_000, ge=0)  # limit of the decoded films kept in .films beside the runs; 0: none
    positive: str | None = None  # positive class of two; None: the one whose name means a finding

    @field_validator("positive", mode="before")
    @classmethod
    def _read_number(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value  # YAML reads the class 1 as a number


class ModelConfig(Settings):
    """The backbone, its initial weights and the head."""

    backbone: str = "resnet50"  # any timm model name, or hf-hub:OWNER/NAME or local-dir:FOLDER in timm's format
    pretrained: bool = True  # start from ImageNet weights; ignored if weights is set
    weights: str | None = None  # start from this file or run folder
    args: dict[str, Any] = {}  # further arguments of timm.create_model
    mean: float | tuple[float, float, float] | None = None  # of the normalisation; None: the backbone's default
    std: Std | tuple[Std, Std, Std] | None = None
    hidden: int = Field(512, ge=0, le=65_536)  # units of the head's hidden layer; 0: linear head
    dropout: tuple[float, float] = (0.5, 0.3)  # before the two linear layers; a linear head uses the first
    hub: str | None = None  # hf-hub: or local-dir: name that backbone, args and weights come from; set by fxkit
    finetune_from: str | None = None  # first backbone stage to fine-tune, such as layer3; None: by architecture

    @field_validator("args")
    @classmethod
    def _refuse_loading_args(cls, value: dict[str, Any]) -> dict[str, Any]:
        refused = sorted(set(value) & LOADING_ARGS)
        if refused:
            raise ValueError(
                f"{refused[0]} would load weights or change the head; use model.weights or model.pretrained"
            )
        return value

    @field_validator("dropout")
    @classmethod
    def _check_probabilities(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= p < 1 for p in value):
            raise ValueError("each must be at least 0 and below 1")
        return value


class OptimConfig(Settings):
    """Epochs, loss and optimizer of the two phases: phase 1 trains the head, phase 2 fine-tunes the backbone too."""

    epochs: tuple[int, int] = (5, 15)  # of phase 1 and phase 2
    head: Literal["adamw", "probe"] = "adamw"  # of phase 1; probe: logistic regression on frozen features
    probe_penalty: float = Field(1.0, gt=0)  # L2 penalty of the probe; see fxkit/training/probe.py
    cached_views: int = Field(2, ge=0)  # augmented views per film that phase 1 reuses; 0: new views each epoch
    head_lr: float = Field(1e-3, gt=0)  # of phase 1
    finetune_head_lr: float = Field(1e-4, gt=0)  # of the head in phase 2
    finetune_backbone_lr: float = Field(1e-5, gt=0)  # of the backbone in phase 2
    weight_decay: float = Field(1e-2, ge=0)
    layer_decay: float = Field(1.0, gt=0, le=1)  # factor on the learning rate for each layer nearer the input
    unfreeze_every: int | None = Field(None, ge=1)  # epochs before each earlier stage is unfrozen; None: all at once
    patience: int = Field(7, ge=1)  # epochs without a lower val_loss before a phase stops
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    focal_gamma: float = Field(2.0, ge=0)  # higher values give easy films less weight in the focal loss
    label_smoothing: float = Field(0.0, ge=0, lt=1)  # target probability spread evenly over all classes
    class_weights: bool = True  # weight classes by 1 / frequency; auto means true, none means false
    film_weights: bool = False  # sample each film equally often, however many files it has
    ema_decay: float | None = Field(None, gt=0, lt=1)  # per step, of the weights' moving average; None: off
    gradient_clip: float | None = Field(None, gt=0)  # maximal L2 norm of the gradient
    accumulate: int = Field(1, ge=1)  # batches per optimizer step

    @field_validator("class_weights", mode="before")
    @classmethod
    def _read_words(cls, value: Any) -> Any:
        return {"auto": True, "none": False}.get(value, value) if isinstance(value, str) else value

    @field_validator("epochs")
    @classmethod
    def _check_epochs(cls, value: tuple[int, int]) -> tuple[int, int]:
        if min(value) < 0 or sum(value) == 0:
            raise ValueError("expected two numbers of at least 0, not both 0")
        return value


class AugmentConfig(Settings):
    """Random changes of the training films. Probabilities are per film and epoch."""

    enabled: bool = True
    crop_scale: tuple[float, float] = (0.7, 1.0)  # range of the cropped fraction of the film's area
    crop_ratio: tuple[float, float] = (0.8, 1.25)  # range of width / height
    horizontal_flip: float = Field(0.5, ge=0, le=1)  # probability
    vertical_flip: float = Field(0.5, ge=0, le=1)  # probability
    rotate_deg: float = Field(30.0, ge=0, le=180)  # largest angle either way
    rotate_probability: float = Field(0.7, ge=0, le=1)
    affine_probability: float = Field(0.5, ge=0, le=1)
    shift_fraction: float = Field(0.06, ge=0, le=0.5)
    zoom: tuple[float, float] = (0.9, 1.1)
    shear_deg: float = Field(5.0, ge=0, le=45)
    brightness: float = Field(0.2, ge=0, le=1)
    contrast: float = Field(0.2, ge=0, le=1)
    brightness_contrast_probability: float = Field(0.5, ge=0, le=1)
    gamma_percent: tuple[float, float] = (70.0, 140.0)
    gamma_probability: float = Field(0.3, ge=0, le=1)
    clahe_probability: float = Field(0.2, ge=0, le=1)
    blur_probability: float = Field(0.15, ge=0, le=1)
    noise_std: tuple[float, float] = (0.01, 0.03)  # as a fraction of the full grey range
    noise_probability: float = Field(0.2, ge=0, le=1)
    dropout_holes: tuple[int, int] = (1, 6)
    dropout_size: tuple[float, float] = (0.05, 0.15)  # side of a hole as a fraction of the film's side
    dropout_probability: float = Field(0.3, ge=0, le=1)
    mixup_alpha: float = Field(0.0, ge=0)  # Beta(alpha, alpha) draws the mixing weight of two films; 0: no mixup
    cutmix_alpha: float = Field(0.0, ge=0)  # as mixup_alpha, for CutMix; if both are set, each batch draws one of them


class TrainerConfig(Settings):
    """Arguments of Lightning's Trainer; fxkit itself uses channels_last, loggers and export."""

    accelerator: str = "auto"
    devices: int | str = "auto"
    num_nodes: int = Field(1, ge=1)
    strategy: str = "auto"
    precision: str = "32-true"
    deterministic: bool = False  # use only operations with reproducible results
    channels_last: bool = True  # memory order of images and weights; faster for most convolutions
    loggers: tuple[Literal["tensorboard", "csv", "wandb", "mlflow"], ...] = ("tensorboard",)
    export: Literal["onnx", "openvino"] | None = "onnx"  # format of the export that `fxkit train` writes

    @field_validator("export", mode="before")
    @classmethod
    def _refuse_torchscript(cls, value: Any) -> Any:
        if value == "torchscript":
            raise ValueError("the TorchScript format was removed; use onnx or openvino")
        return value

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of Lightning's Trainer."""
        return self.model_dump(exclude={"channels_last", "loggers", "export"})


class Config(Settings):
    """All settings of a training run."""

    seed: int = Field(0, ge=0, lt=2**32)
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    augment: AugmentConfig = AugmentConfig()
    trainer: TrainerConfig = TrainerConfig()

    def on_one_device(self) -> "Config":
        """Return a copy for one device: with several devices, each would repeat every run of a series."""
        trainer = self.trainer.model_copy(update={"devices": 1, "num_nodes": 1, "strategy": "auto"})
        return self.model_copy(update={"trainer": trainer})


def load_config(config: str | Path | None = None, settings: Sequence[str] = ()) -> Config:
    """Load the settings.

    Args:
        config: name of a training preset, or path of a YAML file; None: the defaults.
        settings: texts such as ``optim.head_lr=3e-4``, which override the file.
    Raises:
        ConfigError: an unknown key, a wrong type or value, an unknown preset, or a file that is not YAML.
    """
    values = read_yaml(find_preset("train", config)) if config is not None else {}
    for text in settings:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {text}: expected KEY=VALUE, such as optim.head_lr=3e-4")
        _assign(values, key.strip().split("."), parse_value(text, value))
    return check_settings(Config, values, str(config) if config is not None else "settings")


def update_config(config: Config, values: Mapping[str, Any], source: str) -> Config:
    """Return a copy of the settings with some values replaced.

    Args:
        values: new values by dotted key, such as ``optim.head_lr``.
        source: where the values come from; error messages start with it.
    Raises:
        ConfigError: an unknown key, or a wrong type or value.
    """
    merged = config.model_dump()
    for key, value in values.items():
        _assign(merged, key.split("."), value)
    return check_settings(Config, merged, source)


def find_preset(kind: str, name: str | Path) -> Path:
    """Return the path of a YAML file, given its path or the name of a preset.

    Args:
        kind: which presets: train, search, ablations or clean.
        name: a path, or a preset's name without ``.yaml``.
    Raises:
        ConfigError: neither a file nor a preset.
    """
    if Path(name).is_file():
        return Path(name)
    presets = {path.stem: path for path in sorted((presets_folder() / kind).glob("*.yaml"))}
    if str(name) not in presets:
        raise ConfigError(
            f"{name}: neither a file nor a preset; presets are {', '.join(presets)}{did_you_mean(str(name), presets)}"
        )
    return presets[str(name)]


def presets_folder() -> Path:
    """Return the folder of the YAML presets.

    It is ``fxkit/configs``, a link to ``configs``; in a checkout without symbolic links it is ``configs`` itself.
    """
    inside = Path(__file__).parent / "configs"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "configs"


def write_config(path: str | Path, config: Config) -> None:
    """Write the settings as YAML."""
    write_atomic(path, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))


def parse_value(text: str, value: str) -> Any:
    """Read the value of a `key=value` text as YAML."""
    try:
        return parse_yaml(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: {value!r} is not a YAML value") from error


def _assign(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {'.'.join(keys)}: {key} is a value and has no keys of its own")
        values = inner
    values[keys[-1]] = value
