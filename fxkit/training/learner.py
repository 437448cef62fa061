"""A training phase as a LightningModule: its loss, scores, optimizer and learning-rate schedule."""

from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC

from fxkit.config import OptimConfig
from fxkit.data.dataset import ProcessShare
from fxkit.models.classifier import Classifier, forward_films, set_train_mode, set_trainable
from fxkit.training.films import Films, Phase
from fxkit.training.history import MONITOR
from fxkit.training.loss import build_loss, build_mixing, film_losses
from fxkit.training.optimizer import build_optimizer


class Learner(L.LightningModule):
    """A training phase.

    Args:
        stages: backbone stages in the order of unfreezing, from the output towards the input; () leaves the trainable
            parameters as they are.
    """

    def __init__(self, classifier: Classifier, films: Films, phase: Phase, stages: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.classifier = classifier
        self.films = films
        self.phase: Phase = phase
        self.stages = stages
        self.register_buffer("class_weights", films.weights(), persistent=False)
        self.criterion = build_loss(films.config.optim, films.weights())
        self.mix = build_mixing(films.config.augment, len(films.classes))
        self.loss = MeanMetric()
        self.auroc = MulticlassAUROC(len(films.classes), ignore_index=-1)
        self.accuracy = MulticlassAccuracy(len(films.classes), average="macro", ignore_index=-1)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self.films.train_loader(self.phase, self.trainer.current_epoch, self._share())

    def val_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self.films.val_loader(self._share())

    def _share(self) -> ProcessShare:
        return self.trainer.global_rank, self.trainer.world_size

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(self.films.seed(self.phase, self.current_epoch, 1 + self.trainer.global_rank))
        if self.stages:
            set_trainable(self.classifier, stage_at(self.stages, self.current_epoch, self.films.config.optim))
        set_train_mode(self.classifier)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        images, targets = batch
        if self.mix is not None:
            images, targets = self.mix(images, targets)
        loss: Tensor = self.criterion(self.classifier(self._in_memory_format(images)), targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(images), sync_dist=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        images, labels = batch
        logits = forward_films(self.classifier, images).float()
        self.loss.update(*film_losses(logits, labels, self.get_buffer("class_weights")))
        self.auroc.update(logits.softmax(1), labels)
        self.accuracy.update(logits, labels)

    def on_validation_epoch_end(self) -> None:
        self.log_dict({MONITOR: self.loss, "val_auroc": self.auroc, "val_accuracy": self.accuracy}, prog_bar=True)

    def _in_memory_format(self, images: Tensor) -> Tensor:
        channels_last = self.films.config.trainer.channels_last and images.ndim == 4  # features have no channels
        return images.contiguous(memory_format=torch.channels_last) if channels_last else images

    def configure_optimizers(self) -> Any:
        optimizer = build_optimizer(self.classifier, self.films.config.optim, self.phase)
        steps = int(self.trainer.estimated_stepping_batches)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}


def stage_at(stages: tuple[str, ...], epoch: int, optim: OptimConfig) -> str:
    """Return the first trained stage of an epoch (counted from 0); the stages after it are trained too."""
    number = len(stages) - 1 if optim.unfreeze_every is None else epoch // optim.unfreeze_every
    return stages[min(number, len(stages) - 1)]
