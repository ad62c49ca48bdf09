"""Footage of two people, composed from the synthetic take: its sitter, and the same one made another by paint and light."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from lipsync.faces import TRACKERS
from lipsync.faces.landmarks import LEFT_EYE, RIGHT_EYE
from lipsync.media import FrameReader, probe_clip
from tests.demo_take import demo_take
from tests.lipsync.media import ffmpeg

RATE = 25
WIDTH, HEIGHT = 640, 360
SIDE = 300
FRAMES = 150
STRANGER_BEGINS = 225
Picture = np.ndarray


@cache
def sitter() -> tuple[Picture, ...]:
    """The first six seconds of the take, SIDE x SIDE BGR."""
    return tuple(_small(picture) for picture in _pictures(0))


@cache
def stranger() -> tuple[Picture, ...]:
    """Somebody else, who moves the mouth at other times: mirrored, with dark glasses, ruddy skin and light from one side."""
    light = np.linspace(1.1, 0.55, 512)[None, :, None] * [0.7, 0.8, 1.1]
    people = []
    with TRACKERS["mediapipe"]() as tracker:
        for frame in FrameReader(demo_take().clip, probe_clip(demo_take().clip)).forward(STRANGER_BEGINS, FRAMES):
            picture = cv2.cvtColor(frame.stacked, cv2.COLOR_YUV2BGR_I420)
            points = tracker.largest(frame)
            assert points is not None
            eyes = [points[eye, :2].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
            radius = 0.36 * float(np.linalg.norm(eyes[1] - eyes[0]))
            for eye in eyes:
                cv2.circle(picture, tuple(eye.astype(int)), round(radius), (30, 25, 25), -1, cv2.LINE_AA)
            people.append(_small(np.clip(picture[:, ::-1] * light, 0, 255).astype(np.uint8)))
    return tuple(people)


def stage(*people: tuple[Picture, float, float]) -> Picture:
    """A picture with people in it, each given with the place of the head's centre, the last in front."""
    scene = np.full((HEIGHT, WIDTH, 3), (96, 104, 92), dtype=np.uint8)
    scene[::40] = scene[:, ::40] = (70, 90, 80)
    for picture, x, y in people:
        side = picture.shape[0]
        left, top = round(x - side / 2), round(y - side / 2)
        high, low = max(0, top), min(HEIGHT, top + side)
        first, last = max(0, left), min(WIDTH, left + side)
        if first < last and high < low:
            here = np.s_[high:low, first:last]
            there = np.s_[high - top : low - top, first - left : last - left]
            share = _cut_out(side)[there]
            scene[here] = (scene[here] * (1 - share) + picture[there] * share).astype(np.uint8)
    return scene


def film(path: Path, pictures: Iterable[Picture], *, sound: bool = False) -> Path:
    """Write pictures as a clip, with the sound of the take where it is wanted."""
    silent = path.with_name(f"silent-{path.name}") if sound else path
    raw = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE), "-i", "pipe:0")
    command = ["ffmpeg", "-y", "-v", "error", *raw, "-c:v", "libx264", "-crf", "16", "-preset", "veryfast", "-g", "25"]
    with subprocess.Popen([*command, "-pix_fmt", "yuv420p", str(silent)], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for picture in pictures:
            process.stdin.write(np.ascontiguousarray(picture).tobytes())
        process.stdin.close()
    assert process.returncode == 0
    if sound:
        ffmpeg("-i", silent, "-i", demo_take().clip, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-shortest", path)
    return path


def _pictures(first: int) -> Iterator[Picture]:
    clip = demo_take().clip
    for frame in FrameReader(clip, probe_clip(clip)).forward(first, FRAMES):
        yield cv2.cvtColor(frame.stacked, cv2.COLOR_YUV2BGR_I420)


def _small(picture: Picture) -> Picture:
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


@cache
def _cut_out(side: int) -> Picture:
    """(side, side, 1) 0..1: a head with its hair."""
    mask = np.zeros((side, side), dtype=np.float32)
    centre, axes = (side // 2, round(0.44 * side)), (round(0.27 * side), round(0.40 * side))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
