"""Train the marker network with synthetic markers on films without markers.

Pictures are made during training, each from its own seed, so a run is reproducible with any number of workers. After a
quarter of the training, the network regularly searches the films themselves. Where it finds a marker on a film without
markers, that place is shown to it again.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, Dataset, Subset

from preprocess.detectors.markernet import film_scale, pad_film, resize_film, sigmoid
from preprocess.detectors.regions import STRIDE, STYLE_CHANNELS
from preprocess.errors import ImageError
from preprocess.locks import locked
from preprocess.markernet.checkpoints import SafeCheckpoints, find_checkpoint
from preprocess.markernet.network import MarkerNet
from preprocess.markernet.scene import Film, Place, make_scene

SEARCH_FROM = 1 / 4  # share of the rounds before the first search for false positives

SEARCH_EVERY = 2  # rounds between two searches

FALSE_POSITIVE = 0.3  # above this probability, a pixel of a film without markers is a false positive

PLACES_PER_FILM = 3  # false positives that are kept of each film

BATCH_NORM_BATCHES = 60  # for the batch-norm statistics of the averaged network


@dataclass(frozen=True)
class TrainingPlan:
    """Settings of a training run.

    Args:
        rounds: number of rounds. After each round the weights are saved, and the films may be searched for false
            positives.
        steps: gradient steps per round.
        batch: pictures per gradient step.
        side_px: side of a picture.
        lr: highest learning rate. The rate rises over the first tenth of the training, then falls to 0 along a cosine.
        place_share: share of the pictures that show, unchanged, a place where the network was wrong.
        weight_decay: weight decay of AdamW.
        workers: processes that make pictures.
        threads: processor threads of the network.
        seed: seed of the pictures and of the initial weights.
    """

    rounds: int = 24
    steps: int = 450
    batch: int = 24
    side_px: int = 320
    lr: float = 4e-3
    place_share: float = 0.2
    weight_decay: float = 1e-3
    workers: int = 1
    threads: int = 2
    seed: int = 0


class TrainingPictures(Dataset[tuple[Tensor, Tensor]]):
    """Pictures of one round, each made when it is accessed."""

    def __init__(self, films: Sequence[Film], plan: TrainingPlan, number: int, places: Sequence[Place] = ()) -> None:
        self.films, self.plan, self.number, self.places = films, plan, number, places

    def __len__(self) -> int:
        """Return the number of pictures in a training round."""
        return self.plan.steps * self.plan.batch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a (1, H, W) uint8 picture and its (6, H / 2, W / 2) int8 ground truth."""
        rng = np.random.default_rng((self.plan.seed, self.number, index))
        show_place = len(self.places) > 0 and rng.random() < self.plan.place_share
        around = self.places[int(rng.integers(len(self.places)))] if show_place else None
        picture, truth = make_scene(rng, self.films, self.plan.side_px, around)
        return torch.from_numpy(picture)[None], torch.from_numpy(truth)


def compute_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the loss of (N, CHANNELS, H, W) logits for an (N, 6, H, W) ground truth; see ground_truth.LAYERS."""
    known = truth[:, 0] >= 0
    total = _overlap_loss(logits[:, 0][known], truth[:, 0][known])
    total = total + 0.3 * _overlap_loss(logits[:, 5][known], truth[:, 2][known])
    outputs, targets = logits.movedim(1, -1), truth.movedim(1, -1)
    is_marker = truth[:, 0] > 0
    if is_marker.any():
        outputs, targets = outputs[is_marker].float(), targets[is_marker]
        total = total + 0.3 * _style_loss(outputs[:, STYLE_CHANNELS], targets[:, 1].long())
    is_text = targets[..., 5] >= 0
    if is_text.any():
        outputs, targets = outputs[is_text].float(), targets[is_text]
        direction = functional.cosine_similarity(outputs[:, 6:8], targets[:, 3:5] / 100)
        mirroring = functional.binary_cross_entropy_with_logits(outputs[:, 8], targets[:, 5].float())
        total = total + 0.2 * (1 - direction).mean() + 0.2 * mirroring
    return total


def _style_loss(logits: Tensor, style: Tensor) -> Tensor:
    """Return the cross-entropy of the known styles, 0 if none is known; markers that a user drew have no style."""
    known = style >= 0
    return functional.cross_entropy(logits[known], style[known]) if known.any() else logits.sum() * 0


def _overlap_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return cross-entropy over all pixels plus the Dice loss of the batch, because few pixels are markers."""
    logits, truth = logits.float(), truth.float()
    entropy = functional.binary_cross_entropy_with_logits(logits, truth)
    predicted = torch.sigmoid(logits)
    dice = 1 - (2 * (predicted * truth).sum() + 1) / (predicted.sum() + truth.sum() + 1)
    return 4 * entropy + 0.5 * dice


class Training(lightning.LightningModule):
    """Lightning module with the loss, the optimiser and the pictures of each round."""

    def __init__(self, network: MarkerNet, films: Sequence[Film], plan: TrainingPlan, places: Sequence[Place]) -> None:
        super().__init__()
        self.network, self.films, self.plan, self.places = network, films, plan, places

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Return the loss of one batch."""
        pictures, truth = batch
        films = pictures.float().contiguous(memory_format=torch.channels_last)
        loss = compute_loss(self.network(films), truth)
        self.log("loss", loss, prog_bar=True)
        return loss

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        """Return the pictures of the next round; in some rounds, search for false positives first."""
        may_search = self.current_epoch >= max(1, SEARCH_FROM * self.plan.rounds)
        # a resumed run has no places until it searches again
        if may_search and (self.current_epoch % SEARCH_EVERY == 0 or not self.places):
            self.places = find_false_positives(self.network, self.films)
        pictures = TrainingPictures(self.films, self.plan, self.current_epoch, self.places)
        return DataLoader(
            pictures,
            batch_size=self.plan.batch,
            num_workers=self.plan.workers,
            worker_init_fn=_use_one_thread,
            multiprocessing_context="spawn"
            if self.plan.workers
            else None,  # forked workers would deadlock on the threads of the parent
        )

    def configure_optimizers(self) -> Any:
        """Return AdamW with a one-cycle schedule that advances at each step."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.plan.lr, weight_decay=self.plan.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.plan.lr, total_steps=self.plan.rounds * self.plan.steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _use_one_thread(worker: int) -> None:
    cv2.setNumThreads(1)


def find_false_positives(network: MarkerNet, films: Sequence[Film]) -> list[Place]:
    """Return the centres of the largest regions that the network mistakes for markers: those outside all areas."""
    was_training = network.training
    network.eval()
    places = [place for number, film in enumerate(films) for place in _search_film(network, number, film)]
    network.train(was_training)
    return places


def _search_film(network: MarkerNet, number: int, film: Film) -> list[Place]:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        logits = network(torch.from_numpy(pad_film(resize_film(film.picture)))[None, None].float())
    probabilities = sigmoid(logits.float().numpy()[0, 0])
    scale = STRIDE / film_scale(film.picture.shape)
    for area in film.areas:
        cv2.fillPoly(probabilities, [np.round(_grown(area.quad) / scale).astype(np.int32)], 0.0)
    _, _, stats, centres = cv2.connectedComponentsWithStats((probabilities > FALSE_POSITIVE).astype(np.uint8))
    largest = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:PLACES_PER_FILM] + 1
    return [Place(number, *(float(v) * scale for v in centres[index])) for index in largest]


def _grown(quad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a quad enlarged by half around its centre: the network may cover a little more than the marker."""
    centre = quad.mean(0)
    return np.asarray(centre + 1.5 * (quad - centre))


def has_bfloat16() -> bool:
    """Return whether the processor computes in bfloat16; elsewhere it is emulated, ten times slower than float32."""
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def update_batch_norm(network: MarkerNet, films: Sequence[Film], plan: TrainingPlan) -> None:
    """Compute the batch-norm statistics of a network with averaged weights, on pictures of an extra round.

    The running statistics belong to the weights of single steps; with them, the averaged network finds only half as
    many markers.
    """
    pictures = TrainingPictures(films, plan, plan.rounds)
    few = Subset(pictures, range(min(BATCH_NORM_BATCHES, plan.steps) * plan.batch))
    update_bn(DataLoader(few, batch_size=plan.batch), network)


def _average_weights(network: MarkerNet, other: Mapping[str, Tensor]) -> None:
    trained = network.state_dict()
    network.load_state_dict({name: (trained[name] + value) / 2 for name, value in other.items()})


@locked("folder")
def train(
    films: Sequence[Film],
    plan: TrainingPlan,
    folder: Path,
    network: MarkerNet | None = None,
    places: Sequence[Place] = (),
    *,
    average: bool = False,
) -> MarkerNet:
    """Train a network, and return it with the running average of its weights.

    Args:
        films: films from `read_films`. Those without markers are searched for false positives.
        plan: settings of the training run.
        folder: folder for checkpoints. A run that was stopped continues from the last one.
        network: network to continue from. Default: a new one.
        places: places to show unchanged until the first search for false positives.
        average: return the mean of the weights of `network` before and after this training.
    Raises:
        ImageError: there is no film.
    Source: Wortsman et al. 2022, "Model soups" (averaging networks that were trained from the same start).
    """
    if not films:
        raise ImageError("no film to train on: none could be read; give images such as those that `fxkit index` lists")
    lightning.seed_everything(plan.seed, verbose=False)
    threads = torch.get_num_threads()
    start = {name: value.clone() for name, value in network.state_dict().items()} if network and average else None
    training = Training((network or MarkerNet()).to(memory_format=torch.channels_last), films, plan, places)
    trainer = _make_trainer(plan, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hints of Lightning
        try:
            torch.set_num_threads(plan.threads)
            trainer.fit(training, ckpt_path=find_checkpoint(folder / "checkpoints"), weights_only=True)
            if start:
                _average_weights(training.network, start)
            update_batch_norm(training.network, films, plan)
        finally:
            torch.set_num_threads(threads)
    return training.network.eval()


def _make_trainer(plan: TrainingPlan, folder: Path) -> lightning.Trainer:
    return lightning.Trainer(
        max_epochs=plan.rounds,
        accelerator="cpu",
        precision="bf16-mixed" if has_bfloat16() else "32-true",
        plugins=[SafeCheckpoints("start it again to continue")],
        reload_dataloaders_every_n_epochs=1,
        callbacks=[
            EMAWeightAveraging(decay=max(0.0, 1 - 10 / (plan.rounds * plan.steps))),
            ModelCheckpoint(folder / "checkpoints", save_last=True),
        ],
        logger=lightning.pytorch.loggers.CSVLogger(str(folder), name="", version=""),
        default_root_dir=str(folder),
        gradient_clip_val=1.0,
        log_every_n_steps=20,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
