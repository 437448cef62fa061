"""Time of a fine-tuning step: frozen stages left alone against everything trained, memory orders, half precision.

    python benchmarks/step_speed.py [--backbones mobilenetv2_100,resnet18] [--batch 16] [--steps 6] [--threads 1]

Random weights and images of 224 px, as time does not depend on them. `all` trains the whole backbone, `stages` what
fxkit fine-tunes (from `finetune_stage` onwards), `channels_last` and `bf16` the same in another memory order and under
autocast.
Forward, backward and AdamW's step; the ways take turns, medians are printed, of processor time and by the clock.
"""

import argparse
import statistics
import time
from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.functional import cross_entropy

from fxkit.config import ModelConfig, OptimConfig
from fxkit.models.classifier import Classifier, build_classifier, default_finetune_stage, set_train_mode, set_trainable
from fxkit.training.optimizer import build_optimizer

WAYS = ("all", "stages", "stages, channels_last", "stages, bf16", "stages, channels_last, bf16")


def prepare(backbone: str, way: str) -> tuple[Classifier, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = build_classifier(ModelConfig(backbone=backbone, pretrained=False), 2)
    if way != "all":
        set_trainable(model, default_finetune_stage(model.backbone))
    if "channels_last" in way:
        model.to(memory_format=torch.channels_last)
    set_train_mode(model)
    return model, build_optimizer(model, OptimConfig(), "finetune")


def step(model: Classifier, optimizer: torch.optim.Optimizer, images: torch.Tensor, way: str) -> tuple[float, float]:
    """Return the processor time and the wall time of one step."""
    used, begun = time.process_time(), time.perf_counter()
    if "channels_last" in way:
        images = images.contiguous(memory_format=torch.channels_last)
    precision: AbstractContextManager[object] = (
        torch.autocast("cpu", torch.bfloat16) if "bf16" in way else nullcontext()
    )
    optimizer.zero_grad()
    with precision:
        loss = cross_entropy(model(images), torch.arange(len(images)) % 2)
    loss.backward()
    optimizer.step()
    return time.process_time() - used, time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", default="mobilenetv2_100,resnet18")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    images = torch.randn(given.batch, 3, 224, 224)
    print("| backbone | trained | processor s a step | ratio to all | wall s a step |\n|---|---|---|---|---|")
    for backbone in given.backbones.split(","):
        ready = {way: prepare(backbone, way) for way in WAYS}
        times: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for _ in range(given.steps + 1):
            for way in WAYS:
                times[way].append(step(*ready[way], images, way))
        base = statistics.median(used for used, _ in times["all"][1:])
        for way, found in times.items():
            used, wall = (statistics.median(column) for column in zip(*found[1:], strict=True))
            print(f"| {backbone} | {way} | {used:.2f} | {used / base:.2f} | {wall:.2f} |", flush=True)


if __name__ == "__main__":
    main()
