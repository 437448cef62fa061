"""Time a fine-tuning step with frozen stages, other memory orders and half precision.

    python benchmarks/step_speed.py [--backbones mobilenetv2_100,resnet18] [--batch 16] [--steps 6] [--threads 1]

Uses random weights and images of 224 px, because the time does not depend on their values. `all` trains the whole
backbone; `stages` trains what fxkit fine-tunes (from `default_finetune_stage` onwards); `channels_last` and `bf16` do
the same in another memory order and under autocast. A step is forward, backward and AdamW's update. The variants
alternate, and the medians of CPU time and wall time are printed.
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

VARIANTS = ("all", "stages", "stages, channels_last", "stages, bf16", "stages, channels_last, bf16")


def prepare(backbone: str, variant: str) -> tuple[Classifier, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = build_classifier(ModelConfig(backbone=backbone, pretrained=False), 2)
    if variant != "all":
        set_trainable(model, default_finetune_stage(model.backbone))
    if "channels_last" in variant:
        model.to(memory_format=torch.channels_last)
    set_train_mode(model)
    return model, build_optimizer(model, OptimConfig(), "finetune")


def step(
    model: Classifier, optimizer: torch.optim.Optimizer, images: torch.Tensor, variant: str
) -> tuple[float, float]:
    """Return the CPU time and the wall time of one step in seconds."""
    used, begun = time.process_time(), time.perf_counter()
    if "channels_last" in variant:
        images = images.contiguous(memory_format=torch.channels_last)
    precision: AbstractContextManager[object] = (
        torch.autocast("cpu", torch.bfloat16) if "bf16" in variant else nullcontext()
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
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    images = torch.randn(options.batch, 3, 224, 224)
    print("| backbone | variant | CPU s per step | ratio to all | wall s per step |\n|---|---|---|---|---|")
    for backbone in options.backbones.split(","):
        ready = {variant: prepare(backbone, variant) for variant in VARIANTS}
        times: dict[str, list[tuple[float, float]]] = {variant: [] for variant in VARIANTS}
        for _ in range(options.steps + 1):
            for variant in VARIANTS:
                times[variant].append(step(*ready[variant], images, variant))
        base = statistics.median(used for used, _ in times["all"][1:])
        for variant, steps in times.items():
            used, wall = (statistics.median(column) for column in zip(*steps[1:], strict=True))
            print(f"| {backbone} | {variant} | {used:.2f} | {used / base:.2f} | {wall:.2f} |", flush=True)


if __name__ == "__main__":
    main()
