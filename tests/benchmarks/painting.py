"""CPU of what makes the picture, without reading and encoding: choosing mouths, wishes, paint."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path

import numpy as np

from lipsync.layers import paint
from lipsync.media import Frame, FrameReader
from lipsync.plan import Wishes
from lipsync.retrieval import retrieve
from tests.benchmarks.drive import GivenLips, Looked, looked_at, own_lips, plan_of

FRAMES, RUNS = 60, 5
# Name, file, and the filter that scales it: 720p frames that a head fills, at worst.
TAKES = (
    ("512 x 512", "anchor_de_20s_512.mp4", ""),
    ("1280 x 720", "turning_ja_20s_720p.mp4", ""),
    ("1280 x 720, close", "anchor_de_20s_512.mp4", "scale=-2:720,pad=1280:720:-1:-1"),
    ("1080 x 1920", "portrait_beard_20s_1080x1920.mp4", ""),
)


def table(clips: Path, folder: Path) -> list[dict[str, object]]:
    """Milliseconds per frame, medians over runs, for each size; folder: for what is needed on the way"""
    rows: list[dict[str, object]] = []
    for name, file, scaling in TAKES:
        clip = clips / file
        if not clip.exists():
            continue
        if scaling:
            scaled = folder / f"scaled-{file}"
            command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-t", "8", "-i", str(clip), "-an", "-vf", scaling]
            subprocess.run([*command, "-crf", "12", "-preset", "ultrafast", str(scaled)], check=True)
            clip = scaled
        rows.append({"take": name, **measured(looked_at(clip, folder))})
    return rows


def measured(looked: Looked) -> dict[str, object]:
    """One take's figures. unit: px per IOD of its first frame"""
    base = np.arange(min(FRAMES, len(looked.space)))
    truth = (base + len(looked.space) // 2) % len(looked.space)
    lips = own_lips(looked.space, truth)
    frames = list(FrameReader(looked.clip, looked.facts).forward(0, len(base)))
    spent: dict[str, list[float]] = {"retrieve_ms": [], "wish_ms": [], "paint_ms": []}
    for _ in range(RUNS):
        copies = [Frame(frame.data.copy(), frame.width, frame.height) for frame in frames]
        start = time.process_time()
        plan = plan_of(looked, lips, base, retrieve(looked.space, looked.bank, lips, base))
        chosen = time.process_time()
        wanted = list(Wishes(looked.space, looked.bank, GivenLips(lips), plan).of())
        wished = time.process_time()
        for frame, wish in zip(copies, wanted, strict=True):
            paint(frame, wish)
        steps = (chosen - start, wished - chosen, time.process_time() - wished)
        for values, seconds in zip(spent.values(), steps, strict=True):
            values.append(1000 * seconds / len(base))
    medians = {name: round(statistics.median(values), 2) for name, values in spent.items()}
    whole = round(sum(medians.values()), 2)
    return {"unit": round(float(looked.space.poses.scale[0])), "bank": len(looked.bank), **medians, "whole_ms": whole}
