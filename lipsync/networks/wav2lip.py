"""The generator of Wav2Lip: a face without its mouth, a face to take after and a moment of speech become a speaking face.

Prajwal, Mukhopadhyay, Namboodiri and Jawahar, "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the Wild",
ACM Multimedia 2020. Layers bear the names of the published checkpoints, `wav2lip.pth` and `wav2lip_gan.pth`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIDE_PIXELS = 96
PARAMETERS = 36_298_035


class _Block(nn.Module):
    """Convolution, normalisation, and the input added where asked, then ReLU."""

    def __init__(self, *shape: int, stride: int | tuple[int, int] = 1, padding: int = 1, adds: bool = False) -> None:
        super().__init__()
        source, target, kernel = shape
        self.conv_block = nn.Sequential(nn.Conv2d(source, target, kernel, stride, padding), nn.BatchNorm2d(target))
        self.adds = adds

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv_block(x)
        return torch.relu_(made + x if self.adds else made)


class _Larger(nn.Module):
    """Transposed convolution, normalisation, ReLU."""

    def __init__(self, source: int, target: int, *, stride: int, padding: int) -> None:
        super().__init__()
        grow = nn.ConvTranspose2d(source, target, 3, stride, padding, output_padding=stride - 1)
        self.conv_block = nn.Sequential(grow, nn.BatchNorm2d(target))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(self.conv_block(x))


def _same(channels: int, count: int) -> list[nn.Module]:
    return [_Block(channels, channels, 3, adds=True) for _ in range(count)]


def _smaller(source: int, target: int, count: int, stride: int | tuple[int, int] = 2) -> list[nn.Module]:
    return [_Block(source, target, 3, stride=stride), *_same(target, count)]


def _whole(source: int, target: int) -> list[nn.Module]:
    """3 x 3 to 1 x 1."""
    return [_Block(source, target, 3, padding=0), _Block(target, target, 1, padding=0)]


class Wav2Lip(nn.Module):
    """`network(mel, faces)` gives (n, 3, 96, 96) faces from 0 to 1, blue first.

    mel: (n, 1, 80, 16) from -4 to 4, see `sound.speech_mel`
    faces: (n, 6, 96, 96) from 0 to 1, blue first: the face with its lower half black, then the face to take after
    """

    def __init__(self) -> None:
        super().__init__()
        faces = (
            [_Block(6, 16, 7, padding=3)],
            _smaller(16, 32, 2),
            _smaller(32, 64, 3),
            _smaller(64, 128, 2),
            _smaller(128, 256, 2),
            _smaller(256, 512, 1),
            _whole(512, 512),
        )
        self.face_encoder_blocks = nn.ModuleList(nn.Sequential(*block) for block in faces)
        self.audio_encoder = nn.Sequential(
            _Block(1, 32, 3),
            *_same(32, 2),
            *_smaller(32, 64, 2, (3, 1)),
            *_smaller(64, 128, 2, 3),
            *_smaller(128, 256, 1, (3, 2)),
            *_whole(256, 512),
        )
        larger = ((1024, 512, 2), (768, 384, 2), (512, 256, 2), (320, 128, 2), (160, 64, 2))
        self.face_decoder_blocks = nn.ModuleList(
            [
                nn.Sequential(_Block(512, 512, 1, padding=0)),
                nn.Sequential(_Larger(1024, 512, stride=1, padding=0), *_same(512, 1)),
                *(
                    nn.Sequential(_Larger(source, target, stride=2, padding=1), *_same(target, count))
                    for source, target, count in larger
                ),
            ]
        )
        self.output_block = nn.Sequential(_Block(80, 32, 3), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mel: Tensor, faces: Tensor) -> Tensor:
        seen = []
        for encode in self.face_encoder_blocks:
            faces = encode(faces)
            seen.append(faces)
        x: Tensor = self.audio_encoder(mel)
        for decode in self.face_decoder_blocks:
            x = torch.cat((decode(x), seen.pop()), dim=1)
        made: Tensor = self.output_block(x)
        return made
