"""How the head sways and when the eyes blink, and the warp that turns a still canvas into a frame of the take."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.synthetic.proportions import MIDLINE
from lipsync.synthetic.sitter import SIZE
from lipsync.synthetic.warp import smooth_step, soften

FloatArray = NDArray[np.float64]

PIVOT = (MIDLINE, 470.0)
"""The neck: what the head turns about."""
BLINK = (0.35, 1.0, 1.0, 0.5)
"""Closure of the lids in the frames of one blink."""
BLINK_SECONDS = (1.3, 4.4, 6.0, 9.3, 12.7, 15.6, 18.1)


@dataclass(frozen=True, slots=True)
class Pose:
    """Pixels of the canvas, radians; yaw and pitch are the shift of the nose against the ears in pixels."""

    shift_x: float
    shift_y: float
    angle: float
    scale: float
    yaw: float
    pitch: float


def smooth_noise(count: int, deviation: float, frames: float, seed: int) -> FloatArray:
    """(count,) Gaussian noise low-passed over `frames` frames, with the given standard deviation."""
    margin = int(4 * frames)
    raw = np.random.default_rng(seed).standard_normal(count + 2 * margin)
    kernel = np.exp(-0.5 * (np.arange(-margin, margin + 1) / frames) ** 2)
    smooth = np.convolve(raw, kernel, "same")[margin : margin + count]
    return np.asarray((smooth - smooth.mean()) / max(float(smooth.std()), 1e-9) * deviation)


def poses(openings: FloatArray) -> list[Pose]:
    """A slow sway and a small nod with the speech. openings: (frames,) aperture of the mouth, 0..1."""
    count = len(openings)
    window = np.hanning(17)
    energy = np.convolve(openings, window / window.sum(), "same")
    nod = (energy - energy.mean()) / max(float(energy.std()), 1e-9)
    columns = (
        smooth_noise(count, 3.0, 20, 1),
        smooth_noise(count, 1.8, 17, 2) + 0.9 * nod,
        np.radians(smooth_noise(count, 1.1, 22, 3)),
        1 + smooth_noise(count, 0.006, 24, 4),
        smooth_noise(count, 3.4, 18, 5),
        smooth_noise(count, 1.8, 18, 6) + 0.7 * nod,
    )
    return [Pose(*(float(value) for value in row)) for row in zip(*columns, strict=True)]


def lid_closures(count: int, frame_rate: float) -> FloatArray:
    """(count,) 0 open .. 1 closed."""
    closures = np.zeros(count)
    for second in BLINK_SECONDS:
        first = round(second * frame_rate)
        for frame, amount in enumerate(BLINK):
            if first + frame < count:
                closures[first + frame] = amount
    return closures


class Camera:
    """Moves the head on the canvas and films it at the take's size."""

    def __init__(self, side: int) -> None:
        """side: width and height of the take in pixels."""
        step = SIZE / side
        x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
        self._x, self._y = (x + 0.5) * step - 0.5, (y + 0.5) * step - 0.5
        radius = np.hypot((self._x - MIDLINE) / 235, (self._y - 290) / 290)
        reach = smooth_step(np.asarray((1.36 - radius) / 0.46, np.float32))
        edge = np.minimum.reduce([self._x, self._y + 10, SIZE - 1 - self._x])
        neck = smooth_step((600 - self._y) / 150)
        self._follow = reach * smooth_step(edge / 50) * neck
        dome = np.clip(1 - ((self._x - MIDLINE) / 125) ** 2 - ((self._y - 300) / 185) ** 2, 0, 1) ** 0.5
        self._dome = soften(np.asarray(dome, np.float32), 13)

    def film(self, canvas: NDArray[np.uint8], pose: Pose) -> NDArray[np.uint8]:
        """(side, side, 3) uint8 BGR frame of a (SIZE, SIZE, 3) canvas of the same kind."""
        cosine, sine = np.cos(pose.angle) / pose.scale, np.sin(pose.angle) / pose.scale
        from_x, from_y = self._x - PIVOT[0], self._y - PIVOT[1]
        move_x = (cosine - 1) * from_x + sine * from_y - pose.shift_x
        move_y = (cosine - 1) * from_y - sine * from_x - pose.shift_y
        map_x = self._x + move_x * self._follow - pose.yaw * self._dome
        map_y = self._y + move_y * self._follow - pose.pitch * self._dome
        frame = cv2.remap(
            canvas, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        return np.asarray(frame, np.uint8)
