"""Settings: frozen pydantic models, YAML presets, and `--set key=value`, with the dotted key in every error."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from fxkit.errors import ConfigError
from preprocess.files import write_atomic
from preprocess.images import MAX_PIXELS
from preprocess.yaml_files import check_settings, did_you_mean, parse_yaml, read_yaml

# timm would load files that these name, by unpickling in some versions
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
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Settings):
    image_size: int | None = Field(None, ge=32)  # px, square; None: the backbone's own
    resize: Literal["stretch", "pad"] = "stretch"  # pad keeps the aspect ratio
    batch_size: int = Field(32, ge=1)
    workers: int = Field(2, ge=0)  # loader processes
    max_pixels: int = Field(MAX_PIXELS, ge=1)  # larger films are refused
    cache_bytes: int = Field(4_000_000_000, ge=0)  # of decoded films kept beside the runs, in .films; 0: none


class ModelConfig(Settings):
    backbone: str = "resnet50"  # any timm name
    pretrained: bool = True  # ImageNet weights from the hub
    weights: str | None = None  # or from this file
    args: dict[str, Any] = {}  # passed on to timm.create_model
    mean: float | None = None  # normalisation; None: the backbone's own
    std: float | None = Field(None, gt=0)
    hidden: int = Field(512, ge=0)  # units of the head's middle layer; 0: none, a linear head
    dropout: tuple[float, float] = (0.5, 0.3)  # before each linear layer of the head; of a linear head the first
    finetune_from: str | None = None  # module name; None: the stage that layer3 is to ResNet

    @field_validator("args")
    @classmethod
    def _no_weights(cls, value: dict[str, Any]) -> dict[str, Any]:
        refused = sorted(set(value) & LOADING_ARGS)
        if refused:
            raise ValueError(
                f"{refused[0]} would load weights or change the head; use model.weights or model.pretrained"
            )
        return value

    @field_validator("dropout")
    @classmethod
    def _below_one(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= p < 1 for p in value):
            raise ValueError("each must be at least 0 and below 1")
        return value


class OptimConfig(Settings):
    epochs: tuple[int, int] = (5, 15)  # head, fine-tuning
    head: Literal["adamw", "probe"] = "adamw"  # probe: fitted at once, to films as they are and epochs - 1 augmented
    probe_penalty: float = Field(1.0, gt=0)  # see fxkit/training/probe.py
    cached_views: int = Field(2, ge=0)  # augmented views a film whose features phase 1 trains on; 0: anew each epoch
    head_lr: float = Field(1e-3, gt=0)  # phase 1
    finetune_head_lr: float = Field(1e-4, gt=0)  # phase 2
    finetune_backbone_lr: float = Field(1e-5, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    layer_decay: float = Field(1.0, gt=0, le=1)  # the backbone's rate falls by this factor a layer towards the input
    unfreeze_every: int | None = Field(None, ge=1)  # epochs until one more stage is trained; None: all at once
    patience: int = Field(7, ge=1)  # epochs without a better val_loss
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    focal_gamma: float = Field(2.0, ge=0)  # how much less the focal loss counts films that are easy
    label_smoothing: float = Field(0.0, ge=0, lt=1)  # probability shared among all classes in the training's targets
    class_weights: bool = True  # rarer classes weigh more, as 1 / their share; auto and none are other words for it
    film_weights: bool = False  # an epoch shows each film equally often, however many copies of it there are
    ema_decay: float | None = Field(None, gt=0, lt=1)  # of a step; validate and keep the moving average of the weights
    gradient_clip: float | None = Field(None, gt=0)  # longest gradient, L2 norm
    accumulate: int = Field(1, ge=1)  # batches a step

    @field_validator("class_weights", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return {"auto": True, "none": False}.get(value, value) if isinstance(value, str) else value

    @field_validator("epochs")
    @classmethod
    def _some_epochs(cls, value: tuple[int, int]) -> tuple[int, int]:
        if min(value) < 0 or sum(value) == 0:
            raise ValueError("neither may be negative, nor both 0")
        return value


class AugmentConfig(Settings):
    enabled: bool = True
    crop_scale: tuple[float, float] = (0.7, 1.0)  # share of the film's area
    crop_ratio: tuple[float, float] = (0.8, 1.25)
    horizontal_flip: float = Field(0.5, ge=0, le=1)
    vertical_flip: float = Field(0.5, ge=0, le=1)
    rotate_deg: float = Field(30.0, ge=0, le=180)
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
    noise_std: tuple[float, float] = (0.01, 0.03)  # of the full range
    noise_probability: float = Field(0.2, ge=0, le=1)
    dropout_holes: tuple[int, int] = (1, 6)
    dropout_size: tuple[float, float] = (0.05, 0.15)  # of the side
    dropout_probability: float = Field(0.3, ge=0, le=1)
    mixup_alpha: float = Field(0.0, ge=0)  # of the Beta distribution that the share of two mixed films is drawn from
    cutmix_alpha: float = Field(0.0, ge=0)  # with both, either is drawn; 0: none


class TrainerConfig(Settings):
    """Passed on to Lightning's Trainer, but for the last three."""

    accelerator: str = "auto"
    devices: int | str = "auto"
    num_nodes: int = Field(1, ge=1)
    strategy: str = "auto"
    precision: str = "32-true"
    deterministic: bool = False  # refuse or replace operations whose result may differ from run to run
    channels_last: bool = True  # memory order of images and weights; faster for most convolutions
    loggers: tuple[Literal["tensorboard", "csv", "wandb", "mlflow"], ...] = ("tensorboard",)
    export: Literal["onnx", "openvino"] | None = "onnx"  # what `fxkit train` leaves for `fxkit predict` to start with

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of Lightning's Trainer."""
        return self.model_dump(exclude={"channels_last", "loggers", "export"})


class Config(Settings):
    seed: int = Field(0, ge=0, lt=2**32)
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    augment: AugmentConfig = AugmentConfig()
    trainer: TrainerConfig = TrainerConfig()

    def on_one_device(self) -> "Config":
        """Return the settings for several trainings one after the other: several devices would each run them all."""
        alone = self.trainer.model_copy(update={"devices": 1, "num_nodes": 1, "strategy": "auto"})
        return self.model_copy(update={"trainer": alone})


def load_config(config: str | Path | None = None, settings: Sequence[str] = ()) -> Config:
    """Build the settings from a preset's name or a YAML file, then from `key=value` texts with dotted keys.

    Raises:
        ConfigError: an unknown key, a wrong type or value, an unknown preset, or a file that is not YAML.
    """
    values = read_yaml(find_preset("train", config)) if config is not None else {}
    where = str(config) if config is not None else "settings"
    for text in settings:
        key, found, value = text.partition("=")
        if not found or not key:
            raise ConfigError(f"--set {text}: expected KEY=VALUE, such as optim.head_lr=3e-4")
        _assign(values, key.strip().split("."), parse_value(text, value))
    return validate(values, where)


def with_settings(config: Config, values: Mapping[str, Any], where: str) -> Config:
    """Return the settings with others laid over them, by their dotted keys.

    Raises:
        ConfigError: an unknown key, or a wrong type or value; the message opens with `where`.
    """
    merged = config.model_dump()
    for key, value in values.items():
        _assign(merged, key.split("."), value)
    return validate(merged, where)


def validate(values: Mapping[str, Any], where: str) -> Config:
    """Check nested values against Config; the error names the first wrong one by its dotted key."""
    return check_settings(Config, values, where)


def find_preset(kind: str, name: str | Path) -> Path:
    """Return the YAML file of this path, or of this name among the presets of a kind (train, ablations, clean)."""
    if Path(name).is_file():
        return Path(name)
    presets = {path.stem: path for path in sorted((presets_folder() / kind).glob("*.yaml"))}
    if str(name) not in presets:
        raise ConfigError(
            f"{name}: neither a file nor a preset; presets are {', '.join(presets)}{did_you_mean(str(name), presets)}"
        )
    return presets[str(name)]


def presets_folder() -> Path:
    """Return the folder of the YAML presets: ``fxkit/configs``, or ``configs`` of a checkout without symbolic links."""
    inside = Path(__file__).parent / "configs"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "configs"


def write_config(path: str | Path, config: Config) -> None:
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
            raise ConfigError(f"--set {'.'.join(keys)}: {key} holds a value, not further keys")
        values = inner
    values[keys[-1]] = value
