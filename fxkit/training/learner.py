"""One phase as a LightningModule: loss, scores, optimizer and schedule."""

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC

from fxkit.data.dataset import class_weights
from fxkit.data.manifest import usable
from fxkit.model import Classifier, set_train_mode
from fxkit.training.films import Films, Phase
from fxkit.training.history import MONITOR


class Learner(L.LightningModule):
    """One phase."""

    def __init__(self, classifier: Classifier, films: Films, phase: Phase) -> None:
        super().__init__()
        self.classifier = classifier
        self.films = films
        self.phase: Phase = phase
        self.criterion = build_criterion(films)
        self.auroc = MulticlassAUROC(len(films.classes))
        self.accuracy = MulticlassAccuracy(len(films.classes), average="macro")

    def train_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self.films.train_loader(self.phase, self.trainer.current_epoch)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self.films.val_loader()

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(self.films.seed(self.phase, self.current_epoch, 1))
        set_train_mode(self.classifier)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        images, labels = batch
        loss: Tensor = self.criterion(self.classifier(images), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(images), sync_dist=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        images, labels = batch
        logits = self.classifier(images).float()
        self.auroc.update(logits.softmax(1), labels)
        self.accuracy.update(logits, labels)
        self.log_dict({"val_auroc": self.auroc, "val_accuracy": self.accuracy}, prog_bar=True)
        loss = self.criterion(logits, labels)
        self.log(MONITOR, loss, prog_bar=True, batch_size=len(images), sync_dist=True)

    def configure_optimizers(self) -> Any:
        optim = self.films.config.optim
        head_lr = optim.head_lr if self.phase == "head" else optim.finetune_head_lr
        groups = [{"params": list(self.classifier.head.parameters()), "lr": head_lr}]
        trained = [p for p in self.classifier.backbone.parameters() if p.requires_grad]
        if trained:
            groups.append({"params": trained, "lr": optim.finetune_backbone_lr})
        optimizer = torch.optim.AdamW(groups, weight_decay=optim.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}


def build_criterion(films: Films) -> nn.CrossEntropyLoss:
    weighted = films.config.optim.class_weights
    return nn.CrossEntropyLoss(class_weights(usable(films.records, "train"), films.classes) if weighted else None)
