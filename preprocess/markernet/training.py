"""Train the marker network from made-up markers on films without any.

Pictures are made as training goes on, each from its own seed, so a run can be repeated with any number of workers.
From a quarter of the way on, the films themselves are searched from time to time: where the network finds a marker on
a film that has none, it is shown that place again.
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
from preprocess.detectors.regions import STRIDE
from preprocess.errors import ImageError
from preprocess.markernet.network import MarkerNet
from preprocess.markernet.scene import Film, Place, make_scene

MINE_FROM = 1 / 4  # of the way

MINE_EVERY = 2  # rounds

FALSE_FIND = 0.3  # probability from which a pixel on a film without markers is a false find

PLACES_A_FILM = 3

SETTLING = 60  # batches from which the averaged network's batch-norm statistics are taken


@dataclass(frozen=True)
class Plan:
    """How long and how the network is trained.

    Args:
        rounds: after each, the films may be searched for false finds and the weights are kept.
        steps: gradient steps a round.
        side_px: of a picture.
        place_share: of the pictures that show a given place, where the network was wrong, as it is.
        lr: the highest learning rate; it rises over the first tenth, then falls to 0 along a cosine.
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


class Scenes(Dataset[tuple[Tensor, Tensor]]):
    """Pictures of one round, made when asked for."""

    def __init__(self, films: Sequence[Film], plan: Plan, number: int, places: Sequence[Place] = ()) -> None:
        self.films, self.plan, self.number, self.places = films, plan, number, places

    def __len__(self) -> int:
        """Return the pictures of a round."""
        return self.plan.steps * self.plan.batch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a picture, (1, H, W) uint8, and its truth, (6, H / 2, W / 2) int8."""
        rng = np.random.default_rng((self.plan.seed, self.number, index))
        hard = len(self.places) > 0 and rng.random() < self.plan.place_share
        around = self.places[int(rng.integers(len(self.places)))] if hard else None
        picture, truth = make_scene(rng, self.films, self.plan.side_px, around)
        return torch.from_numpy(picture)[None], torch.from_numpy(truth)


def loss_of(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the loss of (N, CHANNELS, H, W) logits for a truth of (N, 6, H, W); see scene.LAYERS."""
    total = _overlap_loss(logits[:, 0], truth[:, 0]) + 0.3 * _overlap_loss(logits[:, 5], truth[:, 2])
    said, known = logits.movedim(1, -1), truth.movedim(1, -1)
    marked = truth[:, 0] > 0
    if marked.any():
        said, known = said[marked].float(), known[marked]
        total = total + 0.3 * _style_loss(said[:, 1:5], known[:, 1].long())
    text = known[..., 5] >= 0
    if text.any():
        pointing = functional.cosine_similarity(said[text][:, 6:8].float(), known[text][:, 3:5] / 100)
        flipped = functional.binary_cross_entropy_with_logits(said[text][:, 8].float(), known[text][:, 5].float())
        total = total + 0.2 * (1 - pointing).mean() + 0.2 * flipped
    return total


def _style_loss(said: Tensor, style: Tensor) -> Tensor:
    """0 where no style is known, as with markers that a user drew."""
    known = style >= 0
    return functional.cross_entropy(said[known], style[known]) if known.any() else said.sum() * 0


def _overlap_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy over all pixels, and the Dice loss of the batch, since marker pixels are few."""
    logits, truth = logits.float(), truth.float()
    entropy = functional.binary_cross_entropy_with_logits(logits, truth)
    shown = torch.sigmoid(logits)
    dice = 1 - (2 * (shown * truth).sum() + 1) / (shown.sum() + truth.sum() + 1)
    return 4 * entropy + 0.5 * dice


class Training(lightning.LightningModule):
    """The training loop's content: loss, optimiser, pictures of each round."""

    def __init__(self, network: MarkerNet, films: Sequence[Film], plan: Plan, places: Sequence[Place]) -> None:
        super().__init__()
        self.network, self.films, self.plan, self.places = network, films, plan, places

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Return the loss of one batch."""
        pictures, truth = batch
        shown = pictures.float().contiguous(memory_format=torch.channels_last)
        loss = loss_of(self.network(shown), truth)
        self.log("loss", loss, prog_bar=True)
        return loss

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        """Return the next round's pictures; first look for false finds."""
        started = self.current_epoch >= max(1, MINE_FROM * self.plan.rounds)
        # a run that goes on has lost its places
        if started and (self.current_epoch % MINE_EVERY == 0 or not self.places):
            self.places = false_finds(self.network, self.films)
        scenes = Scenes(self.films, self.plan, self.current_epoch, self.places)
        return DataLoader(
            scenes,
            batch_size=self.plan.batch,
            num_workers=self.plan.workers,
            worker_init_fn=_one_thread,
            multiprocessing_context="spawn" if self.plan.workers else None,  # forked ones hang on the parent's threads
        )

    def configure_optimizers(self) -> Any:
        """Return AdamW and its schedule, a step at a time."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.plan.lr, weight_decay=self.plan.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.plan.lr, total_steps=self.plan.rounds * self.plan.steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(1)


def false_finds(network: MarkerNet, films: Sequence[Film]) -> list[Place]:
    """Return the surest places that the network takes for markers on films that have none."""
    was_training = network.training
    network.eval()
    bare = ((number, film.picture) for number, film in enumerate(films) if not film.areas)
    found = [place for number, picture in bare for place in _false_on(network, number, picture)]
    network.train(was_training)
    return found


def _false_on(network: MarkerNet, number: int, film: NDArray[np.uint8]) -> list[Place]:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits = network(torch.from_numpy(pad_film(resize_film(film)))[None, None].float())
    sure = sigmoid(logits.float().numpy()[0, 0])
    _, _, stats, centres = cv2.connectedComponentsWithStats((sure > FALSE_FIND).astype(np.uint8))
    largest = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:PLACES_A_FILM] + 1
    scale = STRIDE / film_scale(film.shape)
    return [Place(number, *(float(v) * scale for v in centres[index])) for index in largest]


def settle(network: MarkerNet, films: Sequence[Film], plan: Plan) -> None:
    """Measure the batch-norm statistics of averaged weights anew, on pictures of a round of its own.

    The running ones belong to the weights of single steps; with them the averaged network finds half as much.
    """
    scenes = Scenes(films, plan, plan.rounds)
    few = Subset(scenes, range(min(SETTLING, plan.steps) * plan.batch))
    update_bn(DataLoader(few, batch_size=plan.batch), network)


def _mix(network: MarkerNet, other: Mapping[str, Tensor]) -> None:
    trained = network.state_dict()
    network.load_state_dict({name: (trained[name] + value) / 2 for name, value in other.items()})


def train(
    films: Sequence[Film],
    plan: Plan,
    folder: Path,
    network: MarkerNet | None = None,
    places: Sequence[Place] = (),
    *,
    average: bool = False,
) -> MarkerNet:
    """Train a network; return it with the running average of its weights.

    Args:
        films: those without markers are searched for false finds; see `read_films`.
        folder: for checkpoints; a run that was stopped there goes on.
        network: to go on from; a new one by default.
        places: to show as they are, until the first search for false finds.
        average: return the mean of the weights that `network` had and those that it was trained to.
    Raises:
        ImageError: there is no film.
    Source: Wortsman et al. 2022, "Model soups" (the mean of networks trained from one start).
    """
    if not films:
        raise ImageError("no film to train on: none could be read; expected images such as `fxkit index` lists")
    lightning.seed_everything(plan.seed, verbose=False)
    threads = torch.get_num_threads()
    start = {name: value.clone() for name, value in network.state_dict().items()} if network and average else None
    training = Training((network or MarkerNet()).to(memory_format=torch.channels_last), films, plan, places)
    trainer = lightning.Trainer(
        max_epochs=plan.rounds,
        accelerator="cpu",
        precision="bf16-mixed",
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
    last = folder / "checkpoints" / "last.ckpt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's hints
        try:
            torch.set_num_threads(plan.threads)
            trainer.fit(training, ckpt_path=str(last) if last.exists() else None)
            if start:
                _mix(training.network, start)
            settle(training.network, films, plan)
        finally:
            torch.set_num_threads(threads)
    return training.network.eval()
