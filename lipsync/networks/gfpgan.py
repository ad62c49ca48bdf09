"""GFPGAN, which restores faces: a U-Net reads a blurred face and steers a generator that has seen many sharp ones.

Wang, Li, Zhang and Shan, "Towards Real-World Blind Face Restoration with Generative Facial Prior", CVPR 2021, in the form
published as `GFPGANv1Clean` (versions 1.2 to 1.4); the generator is StyleGAN2 (Karras et al., CVPR 2020) without its own
kernels. Layers bear the names of the published checkpoints.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, leaky_relu

SIDE_PIXELS = 512
STYLE = 512
SIDES = (4, 8, 16, 32, 64, 128, 256, 512)
# Channels of the generator at each side; the U-Net has half as many.
CHANNELS = dict(zip(SIDES, (512, 512, 512, 512, 512, 256, 128, 64), strict=True))
_SLOPE = 0.2


def _resized(x: Tensor, factor: float) -> Tensor:
    return interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class _Resizing(nn.Module):
    """Two convolutions around a change of size, and a short cut beside them."""

    def __init__(self, source: int, target: int, factor: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(source, source, 3, padding=1)
        self.conv2 = nn.Conv2d(source, target, 3, padding=1)
        self.skip = nn.Conv2d(source, target, 1, bias=False)
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        inner = _resized(leaky_relu(self.conv1(x), _SLOPE), self.factor)
        inner = leaky_relu(self.conv2(inner), _SLOPE)
        beside: Tensor = self.skip(_resized(x, self.factor))
        return inner + beside


class _Modulated(nn.Module):
    """A convolution whose weights are scaled for every picture by its style."""

    def __init__(self, source: int, target: int, kernel: int, *, demodulate: bool = True, larger: bool = False) -> None:
        super().__init__()
        self.modulation = nn.Linear(STYLE, source)
        self.weight = nn.Parameter(torch.zeros(1, target, source, kernel, kernel))
        self.demodulate, self.larger = demodulate, larger

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        count, channels = x.shape[:2]
        weight = self.weight * self.modulation(style).view(count, 1, channels, 1, 1)
        if self.demodulate:
            weight = weight * torch.rsqrt(weight.float().pow(2).sum([2, 3, 4], keepdim=True) + 1e-8).to(weight.dtype)
        if self.larger:
            x = _resized(x, 2)
        weight = weight.reshape(-1, *weight.shape[2:])  # one group of filters for each picture
        made = conv2d(x.reshape(1, -1, *x.shape[2:]), weight, padding=weight.shape[-1] // 2, groups=count)
        return made.view(count, -1, *made.shape[2:])


class _Styled(nn.Module):
    def __init__(self, source: int, target: int, *, larger: bool = False) -> None:
        super().__init__()
        self.modulated_conv = _Modulated(source, target, 3, larger=larger)
        self.weight = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(1, target, 1, 1))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        made = self.modulated_conv(x, style) * 2**0.5
        return leaky_relu(made + self.weight * noise + self.bias, _SLOPE)


class _Colours(nn.Module):
    def __init__(self, source: int) -> None:
        super().__init__()
        self.modulated_conv = _Modulated(source, 3, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, style: Tensor, before: Tensor | None) -> Tensor:
        made: Tensor = self.modulated_conv(x, style) + self.bias
        return made if before is None else made + _resized(before, 2)


class _Constant(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, channels, 4, 4))


class _Noises(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for number in range(2 * len(SIDES) - 1):
            side = SIDES[(number + 1) // 2]
            self.register_buffer(f"noise{number}", torch.zeros(1, 1, side, side))


class _Generator(nn.Module):
    """StyleGAN2, half of whose channels are scaled and shifted by what the U-Net says (channel-split SFT)."""

    def __init__(self, channels: dict[int, int]) -> None:
        super().__init__()
        # Published with the checkpoint and not used: the U-Net gives styles of its own.
        layers = [layer for _ in range(8) for layer in (nn.Linear(STYLE, STYLE), nn.LeakyReLU(_SLOPE))]
        self.style_mlp = nn.Sequential(nn.Identity(), *layers)
        self.constant_input = _Constant(channels[4])
        self.style_conv1 = _Styled(channels[4], channels[4])
        self.to_rgb1 = _Colours(channels[4])
        self.style_convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), _Noises()
        for small, large in pairwise(SIDES):
            self.style_convs.append(_Styled(channels[small], channels[large], larger=True))
            self.style_convs.append(_Styled(channels[large], channels[large]))
            self.to_rgbs.append(_Colours(channels[large]))

    def forward(self, styles: Tensor, scales: list[Tensor], shifts: list[Tensor]) -> Tensor:
        noises = list(self.noises.buffers())
        x = self.constant_input.weight.expand(len(styles), -1, -1, -1)
        x = self.style_conv1(x, styles[:, 0], noises[0])
        picture: Tensor = self.to_rgb1(x, styles[:, 1], None)
        for step, (scale, shift) in enumerate(zip(scales, shifts, strict=True)):
            place = 2 * step + 1
            x = self.style_convs[2 * step](x, styles[:, place], noises[place])
            same, steered = x.chunk(2, dim=1)
            x = torch.cat([same, steered * scale + shift], dim=1)
            x = self.style_convs[2 * step + 1](x, styles[:, place + 1], noises[place + 1])
            picture = self.to_rgbs[step](x, styles[:, place + 2], picture)
        return picture


def _steering(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(_SLOPE), nn.Conv2d(channels, channels, 3, padding=1)
    )


class Gfpgan(nn.Module):
    """`network(faces)` gives (n, 3, 512, 512) restored faces, red first, mostly from -1 to 1; faces: the same, aligned.

    The noise is the checkpoint's own, the same for every picture. narrow: by how much fewer channels than published
    """

    def __init__(self, narrow: int = 1) -> None:
        super().__init__()
        growing, channels = SIDES[1:], {side: count // narrow for side, count in CHANNELS.items()}
        unet = {side: count // 2 for side, count in channels.items()}
        self.conv_body_first = nn.Conv2d(3, unet[512], 1)
        self.conv_body_down = nn.ModuleList(_Resizing(unet[side], unet[side // 2], 0.5) for side in reversed(growing))
        self.final_conv = nn.Conv2d(unet[4], unet[4], 3, padding=1)
        self.conv_body_up = nn.ModuleList(_Resizing(unet[side // 2], unet[side], 2) for side in growing)
        # Of the published checkpoint; they served its training.
        self.toRGB = nn.ModuleList(nn.Conv2d(unet[side], 3, 1) for side in growing)
        self.final_linear = nn.Linear(unet[4] * 16, 2 * len(SIDES) * STYLE)
        self.stylegan_decoder = _Generator(channels)
        self.condition_scale = nn.ModuleList(_steering(unet[side]) for side in growing)
        self.condition_shift = nn.ModuleList(_steering(unet[side]) for side in growing)

    def forward(self, faces: Tensor) -> Tensor:
        x = leaky_relu(self.conv_body_first(faces), _SLOPE)
        seen = []
        for smaller in self.conv_body_down:
            x = smaller(x)
            seen.append(x)
        x = leaky_relu(self.final_conv(x), _SLOPE)
        styles = self.final_linear(x.flatten(1)).view(len(x), -1, STYLE)
        scales, shifts = [], []
        for larger, scale, shift in zip(self.conv_body_up, self.condition_scale, self.condition_shift, strict=True):
            x = larger(x + seen.pop())
            scales.append(scale(x))
            shifts.append(shift(x))
        made: Tensor = self.stylegan_decoder(styles, scales, shifts)
        return made
