"""The marker network: a small U-Net of depthwise separable convolutions.

It reads a film at about 1,000 px. For each block of 2 x 2 pixels it predicts whether a marker lies there, the style of
the marker, whether the block belongs to a plate under lead letters, the direction of the top of the text, and whether
the text is mirrored.

Source: Ronneberger 2015, "U-Net"; Howard 2017, "MobileNets" (depthwise separable convolutions).
"""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from preprocess.detectors.markernet import CHANNELS

WIDTHS = (16, 32, 64, 128, 224)

DEPTHS = (1, 2, 4, 4, 4)


def _conv_norm(channels: int, kernel: int, groups: int, out: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out)]


class Separable(nn.Module):
    """A depthwise and a pointwise convolution with a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers = _conv_norm(channels, 3, channels, channels) + _conv_norm(channels, 1, 1, channels)
        self.layers = nn.Sequential(*layers, nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W) features, the same shape as the input."""
        out: Tensor = x + self.layers(x)
        return out


def _down(channels: int, out: int) -> nn.Sequential:
    layers = _conv_norm(channels, 3, channels, channels, stride=2) + _conv_norm(channels, 1, 1, out)
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


class MarkerNet(nn.Module):
    """The network. `forward` takes (N, 1, H, W) float films from 0 to 255 whose sides are multiples of 32."""

    def __init__(self, widths: Sequence[int] = WIDTHS, depths: Sequence[int] = DEPTHS) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv_norm(1, 5, 1, widths[0], stride=2), nn.ReLU(inplace=True))
        pairs = list(itertools.pairwise(widths))
        self.down = nn.ModuleList([nn.Identity(), *(_down(a, b) for a, b in pairs)])
        self.encode = nn.ModuleList([_repeat(c, n) for c, n in zip(widths, depths, strict=True)])
        self.narrow = nn.ModuleList([nn.Conv2d(b, a, 1) for a, b in pairs])
        self.decode = nn.ModuleList([_repeat(a, 1 if i == 0 else 2) for i, (a, _) in enumerate(pairs)])
        self.head = nn.Conv2d(widths[0], CHANNELS, 1)

    def forward(self, film: Tensor) -> Tensor:
        """Return (N, CHANNELS, H / 2, W / 2) logits."""
        x = self.stem(film / 64 - 2)
        levels = []
        for down, encode in zip(self.down, self.encode, strict=True):
            x = encode(down(x))
            levels.append(x)
        for level in range(len(levels) - 2, -1, -1):
            up = functional.interpolate(self.narrow[level](x), scale_factor=2.0, mode="nearest")
            x = self.decode[level](levels[level] + up)
        logits: Tensor = self.head(x)
        return logits


def _repeat(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Separable(channels) for _ in range(count)))
