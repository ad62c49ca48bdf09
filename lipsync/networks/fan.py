"""The face alignment network: a face becomes 68 maps, each bright where one landmark lies.

Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D Face Alignment problem?", ICCV 2017: four stacked hourglasses
(Newell, Yang and Deng 2016) of hierarchical residual blocks. Layers bear the names of the published checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

SIDE_PIXELS, MAP_PIXELS = 256, 64
LANDMARKS = 68
STACKS, DEPTH, CHANNELS = 4, 4, 256


class _Block(nn.Module):
    """Three convolutions, each on what the one before made; all three answers side by side, and the input added."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        half, quarter = target // 2, target // 4
        self.bn1, self.conv1 = nn.BatchNorm2d(source), nn.Conv2d(source, half, 3, padding=1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), nn.Conv2d(half, quarter, 3, padding=1, bias=False)
        self.bn3, self.conv3 = nn.BatchNorm2d(quarter), nn.Conv2d(quarter, quarter, 3, padding=1, bias=False)
        self.downsample: nn.Module | None = None
        if source != target:
            self.downsample = nn.Sequential(nn.BatchNorm2d(source), nn.ReLU(), nn.Conv2d(source, target, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(relu(self.bn1(x)))
        second = self.conv2(relu(self.bn2(first)))
        third = self.conv3(relu(self.bn3(second)))
        return torch.cat((first, second, third), 1) + (x if self.downsample is None else self.downsample(x))


class _Hourglass(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for level in range(DEPTH, 0, -1):
            for name in ("b1", "b2", "b3") if level > 1 else ("b1", "b2", "b2_plus", "b3"):
                self.add_module(f"{name}_{level}", _Block(CHANNELS, CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        return self._at(DEPTH, x)

    def _at(self, level: int, x: Tensor) -> Tensor:
        beside = self.get_submodule(f"b1_{level}")(x)
        below = self.get_submodule(f"b2_{level}")(avg_pool2d(x, 2))
        below = self._at(level - 1, below) if level > 1 else self.get_submodule(f"b2_plus_{level}")(below)
        below = self.get_submodule(f"b3_{level}")(below)
        made: Tensor = beside + interpolate(below, scale_factor=2, mode="nearest")
        return made


class Fan(nn.Module):
    """`network(faces)` gives (n, 68, 64, 64) maps; faces: (n, 3, 256, 256) from 0 to 1, red first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64)
        self.conv2, self.conv3, self.conv4 = _Block(64, 128), _Block(128, 128), _Block(128, CHANNELS)
        for stack in range(STACKS):
            self.add_module(f"m{stack}", _Hourglass())
            self.add_module(f"top_m_{stack}", _Block(CHANNELS, CHANNELS))
            self.add_module(f"conv_last{stack}", nn.Conv2d(CHANNELS, CHANNELS, 1))
            self.add_module(f"bn_end{stack}", nn.BatchNorm2d(CHANNELS))
            self.add_module(f"l{stack}", nn.Conv2d(CHANNELS, LANDMARKS, 1))
            if stack < STACKS - 1:
                self.add_module(f"bl{stack}", nn.Conv2d(CHANNELS, CHANNELS, 1))
                self.add_module(f"al{stack}", nn.Conv2d(LANDMARKS, CHANNELS, 1))

    def forward(self, faces: Tensor) -> Tensor:
        x = relu(self.bn1(self.conv1(faces)))
        x = self.conv4(self.conv3(avg_pool2d(self.conv2(x), 2)))
        for stack in range(STACKS):
            part = {name: self.get_submodule(f"{name}{stack}") for name in ("m", "top_m_", "conv_last", "bn_end", "l")}
            seen = part["top_m_"](part["m"](x))
            seen = relu(part["bn_end"](part["conv_last"](seen)))
            maps: Tensor = part["l"](seen)
            if stack < STACKS - 1:
                x = x + self.get_submodule(f"bl{stack}")(seen) + self.get_submodule(f"al{stack}")(maps)
        return maps
